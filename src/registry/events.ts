/** What happens in the registry that an operator wants to know. */
export interface RegistryEvents {
  /** Versions that were committed past the gateway are in the index now. */
  adopted(versions: number): void;
  /** A file of the content store is no prompt, and is left out. */
  unusable(path: string, reason: string): void;
  /** A write that was broken off was completed, or taken back. */
  settled(outcome: 'activated' | 'dropped', prompt: string): void;
  /** The content store can't take a version now: it is written later. */
  deferred(prompt: string, error: unknown): void;
  /** The content store is at another machine, and can't be asked: what is here of it is served. */
  contentStoreUnreachable(error: unknown): void;
  contentStoreReachable(): void;
  /** Tags of versions could not be brought to where people look for them: tried again. */
  tagsRefused(error: unknown): void;
  /** The index could not be compared with the content store: it is tried again. */
  reconcileFailed(error: unknown): void;
  /** There is no git program: the slower implementation in JavaScript is used. */
  gitMissing(): void;
  /** What was resolved before is served, because the database or the content store can't be asked. */
  servedStale(error: unknown): void;
  /** Texts that spans are not recognised by any more: the bound had no room for them. */
  textsForgotten(texts: number): void;
}

export const nopRegistryEvents: RegistryEvents = {
  adopted() {},
  unusable() {},
  settled() {},
  deferred() {},
  contentStoreUnreachable() {},
  contentStoreReachable() {},
  tagsRefused() {},
  reconcileFailed() {},
  gitMissing() {},
  servedStale() {},
  textsForgotten() {},
};
