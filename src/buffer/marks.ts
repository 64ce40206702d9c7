import type { ItemCounts, Signal } from '../component.js';

/**
 * Where the frames are, coarsely: the consumers' ranges are cut from this without reading the disk. A full buffer of
 * 1 GiB needs some thousands of marks, whatever the size of its frames.
 */
const MARK_BYTES = 256 * 1024;
const MARK_ITEMS = 1000;
/** Below this a mark grows however many items it holds, or a flood of tiny items would need a mark each. */
const MIN_MARK_BYTES = 32 * 1024;

/** What was ever counted up to some place: the difference of two tells what lies between them. */
export interface Totals {
  bytes: number;
  frames: number;
  items: number;
  /** Which of them are of which signal. */
  signals: ItemCounts;
}

export const NOTHING: Totals = { bytes: 0, frames: 0, items: 0, signals: { traces: 0, logs: 0, metrics: 0 } };

export interface Mark {
  path: string;
  offset: number;
  end: number;
  firstSequence: number;
  lastSequence: number;
  oldestReceivedTimeUnixMs: number;
  /** Counted up to the end of this mark. */
  until: Totals;
}

export interface Marked {
  path: string;
  offset: number;
  end: number;
  /** Lower than `sequence` when the bytes in front of the frame hold damaged ones. */
  firstSequence: number;
  sequence: number;
  signal: Signal;
  items: number;
  receivedTimeUnixMs: number;
}

export class Marks {
  #marks: Mark[] = [];
  /** Number of the first mark that is kept: marks are numbered through, and dropped in front. */
  #first = 0;
  #totals = NOTHING;
  /** What was counted up to the first mark that is kept. */
  #base = NOTHING;

  get totals(): Totals {
    return this.#totals;
  }
  get first(): number {
    return this.#first;
  }

  at(number: number): Mark | undefined {
    return this.#marks[number - this.#first];
  }

  /** The number of the mark that holds the sequence, or of the first one behind it. */
  find(sequence: number): number {
    const index = this.#marks.findIndex((mark) => mark.lastSequence >= sequence);
    return this.#first + (index === -1 ? this.#marks.length : index);
  }

  /** What is counted in front of a mark. */
  before(number: number): Totals {
    return this.at(number - 1)?.until ?? this.#base;
  }

  /** With `split`, no mark holds this frame together with earlier ones. */
  add(frame: Marked, split = false): void {
    this.#totals = withFrame(this.#totals, frame);
    const last = this.#marks.at(-1);
    if (last !== undefined && !split && last.end === frame.offset && last.path === frame.path && this.#grows(last)) {
      last.end = frame.end;
      last.lastSequence = frame.sequence;
      last.until = this.#totals;
    } else this.#marks.push(toMark(frame, this.#totals));
  }

  /** The last mark also covers what follows it up to `end`: frames that are damaged. */
  cover(end: number, lastSequence: number): void {
    const last = this.#marks.at(-1)!;
    this.#totals = { ...this.#totals, bytes: this.#totals.bytes + end - last.end };
    Object.assign(last, { end, lastSequence, until: this.#totals });
  }

  dropBefore(sequence: number): void {
    const dropped = this.find(sequence) - this.#first;
    if (dropped === 0) return;
    this.#base = this.#marks[dropped - 1]!.until;
    this.#marks.splice(0, dropped);
    this.#first += dropped;
  }

  #grows(mark: Mark): boolean {
    const bytes = mark.end - mark.offset;
    const from = this.#marks.at(-2)?.until ?? this.#base;
    return bytes < MARK_BYTES && (bytes < MIN_MARK_BYTES || mark.until.items - from.items < MARK_ITEMS);
  }
}

function withFrame({ bytes, frames, items, signals }: Totals, frame: Marked): Totals {
  const counted = { ...signals };
  counted[frame.signal] += frame.items;
  return {
    bytes: bytes + frame.end - frame.offset,
    frames: frames + 1,
    items: items + frame.items,
    signals: counted,
  };
}

export function difference(later: Totals, earlier: Totals): Totals {
  const { traces, logs, metrics } = later.signals;
  const before = earlier.signals;
  return {
    bytes: later.bytes - earlier.bytes,
    frames: later.frames - earlier.frames,
    items: later.items - earlier.items,
    signals: { traces: traces - before.traces, logs: logs - before.logs, metrics: metrics - before.metrics },
  };
}

function toMark(frame: Marked, until: Totals): Mark {
  return {
    path: frame.path,
    offset: frame.offset,
    end: frame.end,
    firstSequence: frame.firstSequence,
    lastSequence: frame.sequence,
    oldestReceivedTimeUnixMs: frame.receivedTimeUnixMs,
    until,
  };
}
