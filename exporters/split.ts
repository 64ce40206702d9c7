/**
 * Halves of an OTLP request, cut on its bytes: between resources, else between scopes, else between spans, log records or
 * metrics. What stands beside the items (resource, scope, schema URL, fields that nobody here knows) goes into both.
 * The payload is one that the receivers' check let through, or that was made here: a WireError is a defect. For worker
 * threads: a request may hold hundreds of thousands of items.
 */
import type { Signal } from '../src/component.js';
import { closeWire, openWire, WireError } from '../src/otlp/wire.js';
import { bufferOf } from './buffer-view.js';
import { type FieldPlace, fieldsOf, isMessage, wrap } from './wire-fields.js';

/** The repeated field to cut at, from the request inwards: ResourceSpans in a request, ScopeSpans in it, Span in that. */
const LEVELS = [1, 2, 2];
/** Gauge, Sum, Histogram, ExponentialHistogram and Summary of a Metric: each has its points in field 1. */
const METRIC_DATA = new Set([5, 7, 9, 10, 11]);
const DATA_POINTS = 1;

type Halves = [Uint8Array[], Uint8Array[]];

function isItem(field: FieldPlace, level: number): boolean {
  return field.number === LEVELS[level] && isMessage(field);
}

/** Where the second half begins, so that both have about as many bytes and at least one item. */
function middleOf(items: readonly FieldPlace[]): number {
  const half = (items[0]!.from + items.at(-1)!.stop) / 2;
  const index = items.findIndex(({ stop }) => stop > half);
  return Math.min(Math.max(1, index), items.length - 1);
}

function halvesWithin(payload: Buffer, from: number, stop: number, level: number): Halves | undefined {
  if (level === LEVELS.length) return undefined;
  const fields = fieldsOf(from, stop);
  const items = fields.filter((field) => isItem(field, level));
  const others = fields
    .filter((field) => !isItem(field, level))
    .map((field) => payload.subarray(field.from, field.stop));
  const bytesOf = (some: readonly FieldPlace[]) => some.map((field) => payload.subarray(field.from, field.stop));
  if (items.length > 1) {
    const middle = middleOf(items);
    return [
      [...others, ...bytesOf(items.slice(0, middle))],
      [...others, ...bytesOf(items.slice(middle))],
    ];
  }
  const inner = items[0] && halvesWithin(payload, items[0].content, items[0].stop, level + 1);
  return (
    inner && [
      [...others, ...wrap(LEVELS[level]!, inner[0])],
      [...others, ...wrap(LEVELS[level]!, inner[1])],
    ]
  );
}

/** undefined when there is one item only (one metric, whatever the number of its points). */
export function halvesOf(payload: Buffer): [Buffer, Buffer] | undefined {
  openWire(payload);
  try {
    const halves = halvesWithin(payload, 0, payload.length, 0);
    return halves && [Buffer.concat(halves[0]), Buffer.concat(halves[1])];
  } finally {
    closeWire();
  }
}

function messagesOf(within: FieldPlace, isWanted: (number: number) => boolean): FieldPlace[] {
  return fieldsOf(within.content, within.stop).filter((field) => isMessage(field) && isWanted(field.number));
}

function pointsOf(metric: FieldPlace): number {
  const data = messagesOf(metric, (number) => METRIC_DATA.has(number));
  return data.reduce((sum, one) => sum + messagesOf(one, (number) => number === DATA_POINTS).length, 0);
}

function countWithin(signal: Signal, from: number, stop: number, level: number): number {
  const items = fieldsOf(from, stop).filter((field) => isItem(field, level));
  if (level < LEVELS.length - 1) {
    return items.reduce((sum, { content, stop: end }) => sum + countWithin(signal, content, end, level + 1), 0);
  }
  return signal === 'metrics' ? items.reduce((sum, metric) => sum + pointsOf(metric), 0) : items.length;
}

/** Spans, log records or data points. */
export function countItems(signal: Signal, payload: Buffer): number {
  openWire(payload);
  try {
    return countWithin(signal, 0, payload.length, 0);
  } finally {
    closeWire();
  }
}

// ---- to a size ----

/** The operation of the pool: a CutTask in, Pieces out. */
export const CUT = 'cut';

export interface CutTask {
  signal: Signal;
  payload: Uint8Array;
  items: number;
  maxBytes: number;
}

export interface Piece {
  /** '' for the whole; which half of which half it is: '0', '01'. */
  piece: string;
  items: number;
  payload: Uint8Array;
}

/** A backend that refuses less than this for its size refuses it for something else. */
export const MIN_SPLIT_BYTES = 1024;

/** A large resource stands in both halves: where it is most of the request, cutting makes more bytes, not smaller requests. */
const MAX_GROWTH = 1.5;

/** Pieces of at most `maxBytes`, where it can be cut so small. What can't be read stays whole: the backend is to judge it. */
export function cutToSize({ signal, payload, items, maxBytes }: CutTask): Piece[] {
  const whole = { piece: '', items, payload };
  if (payload.length <= maxBytes) return [whole];
  const halves = readableHalvesOf(signal, whole);
  if (halves === undefined) return [whole];
  return halves.flatMap((half, index) =>
    cutToSize({ signal, payload: half.payload, items: half.items, maxBytes }).map((piece) => ({
      ...piece,
      piece: `${index}${piece.piece}`,
    })),
  );
}

function readableHalvesOf(signal: Signal, { payload, items }: Piece): Pick<Piece, 'items' | 'payload'>[] | undefined {
  if (payload.length <= MIN_SPLIT_BYTES) return undefined;
  try {
    const halves = halvesOf(bufferOf(payload));
    if (halves === undefined || halves[0].length + halves[1].length > MAX_GROWTH * payload.length) return undefined;
    const first = Math.min(items, countItems(signal, halves[0]));
    return [
      { items: first, payload: halves[0] },
      { items: items - first, payload: halves[1] },
    ];
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
