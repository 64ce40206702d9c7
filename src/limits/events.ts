export interface LimitEvents {
  /** Redis counts now, for every gateway that shares it. */
  sharing(): void;
  /** Redis can't be asked: this process counts for itself until `sharing`. Once per outage. */
  alone(reason: string): void;
  /** More keys than are remembered called within a window: one of those that were quiet longest begins anew. */
  forgotten(): void;
}

export const nopLimitEvents: LimitEvents = {
  sharing() {},
  alone() {},
  forgotten() {},
};
