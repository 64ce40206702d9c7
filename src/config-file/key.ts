/** The key in a file of a setting's field: maxBytes is max_bytes. Names that are spelled so already stay. */
export function keyOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
