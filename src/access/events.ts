/** What the keyring reports. */
export interface AccessEvents {
  /** The first start made a master key, which is stored nowhere: this is the one time that it is told. */
  firstKeyMade(key: string): void;
  /** The first start without API_KEY_SALT made a salt and keeps it there. */
  saltMade(file: string): void;
  /** Keys in memory could not be read anew, or their last use not be written: it is tried again. */
  refreshFailed(error: unknown): void;
}

export const nopAccessEvents: AccessEvents = {
  firstKeyMade() {},
  saltMade() {},
  refreshFailed() {},
};
