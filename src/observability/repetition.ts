/** Keeps a flood of equal happenings from becoming a flood of log lines. */

/** Says whether this occurrence is to be logged, and how many of its kind were kept quiet since the last that was. */
export type Repetition = (kind: string) => { quiet: number } | undefined;

/** One occurrence of a kind per interval. Kinds must be few: codes and routes, nothing that a client can choose. */
export function createRepetition(intervalMs: number, nowMs: () => number = () => performance.now()): Repetition {
  const kinds = new Map<string, { loggedAtMs: number; quiet: number }>();
  return (kind) => {
    const last = kinds.get(kind);
    if (last && nowMs() - last.loggedAtMs < intervalMs) {
      last.quiet++;
      return undefined;
    }
    kinds.set(kind, { loggedAtMs: nowMs(), quiet: 0 });
    return { quiet: last?.quiet ?? 0 };
  };
}
