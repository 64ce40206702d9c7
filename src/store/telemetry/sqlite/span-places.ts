/**
 * Where the spans of a trace lie, in their order: a few bytes for each, so that the spans themselves cross between threads
 * in messages that hold no thread up.
 */
import type { StoredSpan, TraceSummary } from '../telemetry.js';
import type { SpanPlaceRow } from './block-reader.js';
import type { PlainSpans } from './plain-spans.js';
import { signed, spanIdKey } from './trace-groups.js';

export interface SpanPlace extends SpanPlaceRow {
  file: string;
}

/** As plain data, in the order of the spans. */
export interface SpanPlaces {
  files: string[];
  /** Of each span, the index of its file. */
  fileOf: Uint16Array;
  ids: BigInt64Array;
}

export type TraceAnswer = { summary: TraceSummary } & (
  | { places: SpanPlaces /** Of the first piece. */; spans: StoredSpan[] }
  /** Of a small trace all of them, an older version of a span before the newer. */
  | { plain: PlainSpans[] }
);

export function spansIn(answer: TraceAnswer): number {
  return 'plain' in answer ? answer.plain.reduce((sum, { rows }) => sum + rows.length, 0) : answer.spans.length;
}

/** Spans in one message: some milliseconds of work for either thread. */
export const PIECE_SPANS = 500;

export function placesOf(found: readonly SpanPlace[]): SpanPlaces {
  return toSpanPlaces(inOrder(found));
}

/** By start, each span once: of several places of one span the last counts. */
export function inOrder(found: readonly SpanPlace[]): SpanPlace[] {
  return [...new Map(found.map((place) => [spanIdKey(place.span_id), place])).values()].sort(byStart);
}

/** Of spans themselves, as `inOrder` has it of their places. */
export function inTraceOrder(found: readonly StoredSpan[]): StoredSpan[] {
  const distinct =
    found.length > 1 ? [...new Map(found.map((span) => [spanIdKey(span.spanId), span])).values()] : found;
  return distinct.toSorted((a, b) => {
    if (a.startTimeUnixNano !== b.startTimeUnixNano) {
      return signed(a.startTimeUnixNano) < signed(b.startTimeUnixNano) ? -1 : 1;
    }
    return Buffer.compare(a.spanId, b.spanId);
  });
}

export function toSpanPlaces(places: readonly SpanPlace[]): SpanPlaces {
  const files = [...new Set(places.map(({ file }) => file))];
  const indexes = new Map(files.map((file, index) => [file, index]));
  return {
    files,
    fileOf: Uint16Array.from(places, ({ file }) => indexes.get(file)!),
    ids: BigInt64Array.from(places, ({ id }) => id),
  };
}

type Position = Pick<SpanPlace, 'start_time_unix_nano' | 'span_id'>;

export function byStart(a: Position, b: Position): number {
  if (a.start_time_unix_nano !== b.start_time_unix_nano)
    return a.start_time_unix_nano < b.start_time_unix_nano ? -1 : 1;
  return Buffer.compare(a.span_id, b.span_id);
}

/** Up to `count` of them, a message's worth at a time. */
export function* inPieces({ files, fileOf, ids }: SpanPlaces, count: number): Generator<SpanPlaces> {
  for (let at = 0; at < Math.min(ids.length, count); at += PIECE_SPANS) {
    const end = Math.min(at + PIECE_SPANS, count);
    yield { files, fileOf: fileOf.slice(at, end), ids: ids.slice(at, end) };
  }
}
