/** Of an error its kind alone: the backend's own words, which may quote data, are in the log and the dead letters. */
export function kindOf(message: string): string {
  return message.split(':', 1)[0]!;
}
