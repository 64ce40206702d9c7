/** What happens in the registry that an operator wants to know. */
export interface RegistryEvents {
  /** Versions that were committed past the gateway are in the index now. */
  adopted(versions: number): void;
  /** A file of the content store is no prompt, and is left out. */
  unusable(path: string, reason: string): void;
  /** A write that was broken off was completed, or taken back. */
  settled(outcome: 'activated' | 'dropped', prompt: string): void;
  /** The index could not be compared with the content store: it is tried again. */
  reconcileFailed(error: unknown): void;
  /** There is no git program: the slower implementation in JavaScript is used. */
  gitMissing(): void;
  /** What was resolved before is served, because the database or the content store can't be asked. */
  servedStale(error: unknown): void;
}

export const nopRegistryEvents: RegistryEvents = {
  adopted() {},
  unusable() {},
  settled() {},
  reconcileFailed() {},
  gitMissing() {},
  servedStale() {},
};
