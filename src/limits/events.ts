export interface LimitEvents {
  /** A request was one too many for its key. */
  refused(): void;
  /** Redis counts now, for every gateway that shares it. */
  sharing(): void;
  /** Redis can't be asked: this process counts for itself until `sharing`. Once per outage. */
  alone(error: unknown): void;
  /** More keys than are remembered called within a window: one that was quiet longest begins anew. */
  forgotten(): void;
}

export const nopLimitEvents: LimitEvents = {
  refused() {},
  sharing() {},
  alone() {},
  forgotten() {},
};
