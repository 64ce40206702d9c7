/**
 * Rows of many blocks by time, newest or oldest first, slice by slice. A slice ends at a place in the list, not after so many matches, so its
 * work is bounded however rare they are, and a page that runs out of time can say how far it has looked.
 */

/** A run of rows in one block that an index keeps in the order of the list. */
export interface Stream<Place> {
  /** None of its rows is newer, or older, than these. */
  readonly latestTime: bigint;
  readonly earliestTime: bigint;
  /** The place of the row that is so many rows after `after`; undefined when no so many are left. */
  placeAfter(after: Place | undefined, rows: number): Place | undefined;
  /** Those that match, after `after` and up to and including `end`, in any order. */
  between(after: Place | undefined, end: Place | undefined): Place[];
}

export interface Order<Place> {
  /** Oldest first. */
  ascending: boolean;
  timeOf(place: Place): bigint;
  /** Negative when `a` comes first. */
  compare(a: Place, b: Place): number;
}

/** The same places the other way round when `ascending` differs. */
export function ordered<Place>(newestFirst: Order<Place>, ascending: boolean): Order<Place> {
  return ascending ? { ...newestFirst, ascending, compare: (a, b) => newestFirst.compare(b, a) } : newestFirst;
}

export interface Slice<Place> {
  /** In order. */
  matches: Place[];
  /** All before it has been looked at, itself included; undefined at the end of the list. */
  end: Place | undefined;
}

const MIN_ROWS = 16;
const MAX_ROWS = 4096;
/** A slice that takes less is followed by a larger one, one that takes more by a smaller one. */
const SHORT_MS = 15;
const LONG_MS = 60;

export interface WalkOptions<Place> {
  order: Order<Place>;
  after: Place | undefined;
  /** Rows of the first slice: what fills a page when every row matches. */
  firstRows: number;
}

export function* walk<Place>(streams: readonly Stream<Place>[], options: WalkOptions<Place>): Generator<Slice<Place>> {
  const { order } = options;
  const waiting = streams.toSorted((a, b) => (firstTime(a, order) < firstTime(b, order) ? -1 : 1));
  if (!order.ascending) waiting.reverse();
  let active: Stream<Place>[] = [];
  let rows = Math.min(Math.max(options.firstRows, MIN_ROWS), MAX_ROWS);
  for (let after = options.after; ; ) {
    const begun = performance.now();
    const end = endOfSlice(active, waiting, { order, after, rows });
    const matches = active.flatMap((stream) => stream.between(after, end)).sort(order.compare);
    yield { matches, end };
    if (end === undefined) return;
    active = active.filter((stream) => !isBehind(stream, order.timeOf(end), order));
    after = end;
    rows = nextRows(rows, performance.now() - begun);
  }
}

/** No row of the stream comes before this time in the list. */
function firstTime<Place>({ earliestTime, latestTime }: Stream<Place>, { ascending }: Order<Place>): bigint {
  return ascending ? earliestTime : latestTime;
}

/** Every row of the stream comes before this time. */
function isBehind<Place>({ earliestTime, latestTime }: Stream<Place>, time: bigint, { ascending }: Order<Place>) {
  return ascending ? latestTime < time : earliestTime > time;
}

/** The first place at which any stream has had its rows. A block is opened only when its first row comes up. */
function endOfSlice<Place>(
  active: Stream<Place>[],
  waiting: Stream<Place>[],
  { order, after, rows }: { order: Order<Place>; after: Place | undefined; rows: number },
): Place | undefined {
  let end: Place | undefined;
  const look = (stream: Stream<Place>) => {
    const place = stream.placeAfter(after, rows);
    if (place !== undefined && (end === undefined || order.compare(place, end) < 0)) end = place;
  };
  const comesUp = (stream: Stream<Place>) => {
    if (end === undefined) return true;
    const time = firstTime(stream, order);
    return order.ascending ? time <= order.timeOf(end) : time >= order.timeOf(end);
  };
  active.forEach(look);
  while (waiting[0] && comesUp(waiting[0])) {
    active.push(waiting[0]);
    look(waiting.shift()!);
  }
  return end;
}

function nextRows(rows: number, tookMs: number): number {
  if (tookMs < SHORT_MS) return Math.min(rows * 2, MAX_ROWS);
  return tookMs > LONG_MS ? Math.max(rows >> 1, 1) : rows;
}
