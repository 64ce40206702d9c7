import type { BufferConsumer, ConsumerLag, ConsumerOptions, FrameRange, Loss, SequenceRange } from '../component.js';
import { difference, type Mark, type Marks, NOTHING, type Totals } from './marks.js';

interface HandedOut {
  range: FrameRange;
  released: boolean;
  /** Counted up to the end of the range. */
  until: Totals;
}

/** What a consumer has done with a frame: nothing yet; it has it; it is done with it, or had to give it up. */
export type Whereabouts = 'waiting' | 'taken' | 'released';

/** Since the follower was placed; what it lost counts as both. */
export interface Progress {
  /** The sequence that it was placed at. */
  from: number;
  taken: Totals;
  released: Totals;
}

/** What the followers need of the buffer. */
export interface FollowerHost {
  readonly marks: Marks;
  /** The follower's cursor moved. */
  moved(): void;
}

/** One that lost frames has this much of its share free afterwards, so that it doesn't lose a few with each commit. */
const FREED_SHARE = 1 / 8;

/** One follower of the marks. It is created before the buffer is open, and placed once that knows what it holds. */
export class Follower implements BufferConsumer {
  readonly name: string;
  readonly options: ConsumerOptions;
  readonly #host: FollowerHost;
  /** The mark that the next range starts in, and how far that was handed out already. */
  #mark = 0;
  #offset = 0;
  #nextSequence = 1;
  #taken: Totals = NOTHING;
  #released: Totals = NOTHING;
  /** Its first place, and what was counted in front of it. */
  #began: { sequence: number; totals: Totals } | undefined;
  /** When the first frame that wasn't handed out was received; means nothing when there is none. */
  #receivedTimeUnixMs = 0;
  #cursor = 1;
  #persistedCursor = 0;
  #handedOut: HandedOut[] = [];
  #waiting = new Set<() => void>();

  constructor(name: string, host: FollowerHost, options: ConsumerOptions = {}) {
    this.name = name;
    this.options = options;
    this.#host = host;
  }

  /**
   * In the place of another one of the name: what that one did not release is handed out again, first. Nothing counts any
   * more that the other one releases.
   */
  static after(before: Follower, options?: ConsumerOptions): Follower {
    const follower = new Follower(before.name, before.#host, options);
    follower.#mark = before.#mark;
    follower.#offset = before.#offset;
    follower.#nextSequence = before.#nextSequence;
    follower.#taken = before.#taken;
    follower.#released = before.#released;
    follower.#began = before.#began;
    follower.#receivedTimeUnixMs = before.#receivedTimeUnixMs;
    follower.#cursor = before.#cursor;
    follower.#persistedCursor = before.#persistedCursor;
    const [unreleased] = before.#handedOut.splice(0);
    if (unreleased !== undefined) follower.#putBack(unreleased.range);
    return follower;
  }

  /** Puts the follower in front of the first frame from `sequence` on. */
  place(sequence: number): void {
    const { marks } = this.#host;
    const number = marks.find(sequence);
    const mark = marks.at(number);
    this.#cursor = sequence;
    this.#taken = this.#released = marks.before(number);
    this.#began ??= { sequence, totals: this.#taken };
    this.#mark = mark === undefined ? number - 1 : number;
    // Behind the last mark: that one counts as handed out, and may still grow.
    this.#offset = mark?.offset ?? marks.at(number - 1)?.end ?? 0;
    this.#nextSequence = mark?.firstSequence ?? sequence;
    this.#receivedTimeUnixMs = mark?.oldestReceivedTimeUnixMs ?? 0;
  }

  /** The sequence of the first frame that is not released. */
  get cursor(): number {
    return this.#cursor;
  }

  next(limit: { maxBytes: number; maxItems: number }): FrameRange | undefined {
    if (this.#taken.frames === this.#host.marks.totals.frames) return undefined;
    const first = this.#current();
    const last = this.#lastWithin(first, limit);
    const range = this.#rangeTo(first, last);
    this.#advance(last);
    this.#handedOut.push({ range, released: false, until: last.until });
    return range;
  }

  pending(): { bytes: number; items: number; oldestReceivedTimeUnixMs: number } {
    const { bytes, frames, items } = difference(this.#host.marks.totals, this.#taken);
    return { bytes, items, oldestReceivedTimeUnixMs: frames === 0 ? 0 : this.#receivedTimeUnixMs };
  }

  readable(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#taken.frames < this.#host.marks.totals.frames) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** A range is known by its first sequence: what comes back from a worker thread is a copy. */
  release(range: FrameRange): void {
    const handedOut = this.#handedOut.find((one) => one.range.firstSequence === range.firstSequence);
    if (handedOut === undefined) return;
    handedOut.released = true;
    if (this.#handedOut[0]!.released) this.#moveCursor();
  }

  persistedCursor(): number {
    return this.#persistedCursor;
  }

  persisted(cursor: number): void {
    this.#persistedCursor = cursor;
  }

  lag(): ConsumerLag {
    const { bytes, frames, items } = difference(this.#host.marks.totals, this.#released);
    const oldest = this.#handedOut[0]?.range.oldestReceivedTimeUnixMs ?? this.#receivedTimeUnixMs;
    return { bytes, frames, items, oldestAgeMs: frames === 0 ? 0 : Math.max(0, Date.now() - oldest) };
  }

  progress(): Progress {
    const { sequence: from, totals } = this.#began ?? { sequence: 1, totals: NOTHING };
    return { from, taken: difference(this.#taken, totals), released: difference(this.#released, totals) };
  }

  /** Of a frame that was appended. */
  whereabouts(sequence: number): Whereabouts {
    if (sequence < this.#cursor) return 'released';
    if (sequence >= this.#nextSequence) return 'waiting';
    const held = this.#handedOut.find(({ range }) => range.lastSequence >= sequence);
    return held === undefined || held.released ? 'released' : 'taken';
  }

  /** Frames were added to the marks, the first of them received at that time, when there were `before` of them. */
  added(before: Totals, receivedTimeUnixMs: number): void {
    if (this.#taken.frames === before.frames) this.#receivedTimeUnixMs = receivedTimeUnixMs;
    for (const wake of this.#waiting) wake();
    this.#keepToShare();
  }

  /** Gives up what is before that sequence, whoever has it. Tells of it, once the cursor has moved. */
  loseBefore(sequence: number): void {
    if (sequence <= this.#cursor) return;
    const abandoned = this.#handedOut.splice(0, this.#countBefore(sequence));
    // What is behind them may be released already: the cursor moves over that, too.
    const last = this.#shiftReleased() ?? abandoned.at(-1);
    if (last !== undefined) {
      this.#released = last.until;
      this.#cursor = last.range.lastSequence + 1;
    }
    const taken = this.#taken;
    const skipped = this.#skipTo(sequence);
    const counted = difference(this.#taken, taken);
    this.#host.moved();
    const held = abandoned.filter(({ released }) => !released).map(({ range }) => range);
    if (counted.frames > 0 || held.length > 0) this.#tell({ ...counted, skipped, abandoned: held });
  }

  /** What was not handed out, and now never is. */
  #skipTo(sequence: number): SequenceRange | undefined {
    if (this.#handedOut.length > 0 || this.#nextSequence >= sequence) return undefined;
    const first = this.#nextSequence;
    this.place(sequence);
    return { first, last: sequence - 1 };
  }

  #tell(loss: Loss): void {
    this.options.overflow?.lost(loss);
  }

  /** Whole ranges only: of one that reaches over the sequence, the end is still wanted. */
  #countBefore(sequence: number): number {
    const kept = this.#handedOut.findIndex(({ range }) => range.lastSequence >= sequence);
    return kept === -1 ? this.#handedOut.length : kept;
  }

  #keepToShare(): void {
    const { maxLagBytes = Number.POSITIVE_INFINITY } = this.options.overflow ?? {};
    const { marks } = this.#host;
    if (marks.totals.bytes - this.#released.bytes <= maxLagBytes) return;
    const from = marks.totals.bytes - maxLagBytes * (1 - FREED_SHARE);
    let number = marks.find(this.#cursor);
    while ((marks.at(number)?.until.bytes ?? Number.POSITIVE_INFINITY) < from) number += 1;
    const first = marks.at(number + 1);
    this.loseBefore(first?.firstSequence ?? (marks.at(number)?.lastSequence ?? 0) + 1);
  }

  /** The first range that is not released, and all that was taken behind it. */
  #putBack(range: FrameRange): void {
    this.#mark = this.#host.marks.find(range.firstSequence);
    this.#offset = range.offset;
    this.#nextSequence = range.firstSequence;
    this.#taken = this.#released;
    this.#receivedTimeUnixMs = range.oldestReceivedTimeUnixMs;
  }

  /** The mark of the next range: this one when it grew since, else the one behind it. */
  #current(): Mark {
    const { marks } = this.#host;
    const mark = marks.at(this.#mark);
    if (mark !== undefined && this.#offset < mark.end) return mark;
    this.#mark = Math.max(this.#mark + 1, marks.first);
    const next = marks.at(this.#mark)!;
    this.#offset = next.offset;
    this.#nextSequence = next.firstSequence;
    return next;
  }

  #lastWithin(first: Mark, limit: { maxBytes: number; maxItems: number }): Mark {
    let last = first;
    let next = this.#host.marks.at(this.#mark + 1);
    while (next !== undefined && follows(next, last) && within(difference(next.until, this.#taken), limit)) {
      last = next;
      this.#mark += 1;
      next = this.#host.marks.at(this.#mark + 1);
    }
    return last;
  }

  #rangeTo(first: Mark, last: Mark): FrameRange {
    const { frames, items, signals } = difference(last.until, this.#taken);
    return {
      path: first.path,
      offset: this.#offset,
      length: last.end - this.#offset,
      firstSequence: this.#nextSequence,
      lastSequence: last.lastSequence,
      frames,
      items,
      signals,
      oldestReceivedTimeUnixMs: this.#receivedTimeUnixMs,
    };
  }

  #advance(last: Mark): void {
    this.#offset = last.end;
    this.#nextSequence = last.lastSequence + 1;
    this.#taken = last.until;
    this.#receivedTimeUnixMs = this.#host.marks.at(this.#mark + 1)?.oldestReceivedTimeUnixMs ?? 0;
  }

  /** Takes the released ranges at the front away, up to the first that is not; the last of them. */
  #shiftReleased(): HandedOut | undefined {
    const held = this.#handedOut.findIndex((one) => !one.released);
    return this.#handedOut.splice(0, held === -1 ? this.#handedOut.length : held).at(-1);
  }

  #moveCursor(): void {
    const passed = this.#shiftReleased()!;
    this.#released = passed.until;
    this.#cursor = passed.range.lastSequence + 1;
    this.#host.moved();
  }
}

function follows(next: Mark, last: Mark): boolean {
  return next.path === last.path && next.offset === last.end;
}

function within(size: Totals, limit: { maxBytes: number; maxItems: number }): boolean {
  return size.bytes <= limit.maxBytes && size.items <= limit.maxItems;
}
