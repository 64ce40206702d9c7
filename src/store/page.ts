/** A list by pages: what one answers, and where the next begins. */
/**
 * A position in a list, in the order of its query: what follows is older (or later, for `asc`), or equal in time and
 * further on in the engine's own, stable order of ties.
 *
 * Times are stored as signed 64-bit integers: one past 2^63 − 1 ns (the year 2262) comes back exact, but sorts before 1970.
 */
export interface Keyset {
  timeUnixNano: bigint;
  /** Breaks ties: the trace id in hex, or the store's own opaque row address. */
  id: string;
  /** Matches still to be skipped from here: the page before ended within its offset. */
  skip?: number;
}

export interface Page<Item> {
  items: Item[];
  /** How many rows match. Counted exactly up to a bound; `totalRelation` is 'gte' when there are more than counted. */
  total: number;
  totalRelation: 'eq' | 'gte';
  /**
   * Where the next page starts; undefined on the last. A page that was not full when its budget ended has one as well:
   * the place that was looked to. Its `total` counts what it found, and its `totalRelation` is 'gte'.
   */
  next?: Keyset;
}
