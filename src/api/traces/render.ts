import { spansToOtlpJson } from '../../otlp/encode.js';
import type { StoredSpan, StoredTrace, TraceSummary } from '../../store/telemetry/telemetry.js';
import {
  createSharedText,
  durationMillis,
  hex,
  hexOrNull,
  type SharedText,
  snakeCaseMembers,
  unixMillis,
  unixSeconds,
} from '../json-text.js';
import { KINDS, STATUSES } from './schema.js';

/** Text of a trace comes in pieces of about this many characters, and the event loop turns between two of them. */
const PIECE_CHARACTERS = 128 * 1024;

function renderTimes(startUnixNano: bigint, endUnixNano: bigint): string {
  return (
    `"start_time":${unixMillis(startUnixNano)},"end_time":${unixMillis(endUnixNano)},` +
    `"start_time_unix_nano":"${startUnixNano}","end_time_unix_nano":"${endUnixNano}",` +
    `"duration_ms":${durationMillis(startUnixNano, endUnixNano)}`
  );
}

/** The members of a trace, without the braces: a whole trace adds its spans to them. */
function renderSummaryMembers(summary: TraceSummary): string {
  return (
    `"trace_id":"${hex(summary.traceId)}","name":${JSON.stringify(summary.name)},` +
    `"status":"${summary.errorCount > 0 ? 'error' : 'ok'}",` +
    `${renderTimes(summary.startTimeUnixNano, summary.endTimeUnixNano)},` +
    `"span_count":${summary.spanCount},"error_count":${summary.errorCount},` +
    `"services":${JSON.stringify(summary.services)},"created_at":${unixSeconds(summary.receivedTimeUnixMs)}`
  );
}

export function renderSummary(summary: TraceSummary): string {
  return `{${renderSummaryMembers(summary)}}`;
}

export function renderSpan(span: StoredSpan, shared: SharedText): string {
  return (
    `{"trace_id":"${hex(span.traceId)}","span_id":"${hex(span.spanId)}","parent_id":${hexOrNull(span.parentSpanId)},` +
    `"name":${JSON.stringify(span.name)},"kind":"${KINDS[span.kind] ?? 'unspecified'}",` +
    `"status":"${STATUSES[span.statusCode] ?? 'unset'}","status_message":${JSON.stringify(span.statusMessage)},` +
    `${renderTimes(span.startTimeUnixNano, span.endTimeUnixNano)},` +
    `"trace_state":${JSON.stringify(span.traceState)},"flags":${span.flags},"attributes":${span.attributes},` +
    `"events":${snakeCaseMembers(span.events)},"links":${snakeCaseMembers(span.links)},` +
    `"dropped_attributes_count":${span.droppedAttributesCount},"dropped_events_count":${span.droppedEventsCount},` +
    `"dropped_links_count":${span.droppedLinksCount},${shared.resource(span.resource)},${shared.scope(span.scope)},` +
    `"created_at":${unixSeconds(span.receivedTimeUnixMs)}}`
  );
}

/** The text of a trace in pieces that are cheap to make: together they are one JSON object. */
export function* renderTrace({ summary, spans, truncated }: StoredTrace): Generator<string> {
  const shared = createSharedText();
  const cut = truncated ? '"spans_truncated":true,' : '';
  let piece = `{${renderSummaryMembers(summary)},${cut}"spans":[`;
  for (const [index, span] of spans.entries()) {
    piece += index === 0 ? renderSpan(span, shared) : `,${renderSpan(span, shared)}`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]}`;
}

/** OTLP spans are read value by value: this many take about as long as a piece of text above. */
const SPANS_PER_PIECE = 100;
const OTLP_HEAD = '{"resourceSpans":[';
const OTLP_TAIL = ']}';

/** The same spans as a TracesData message; a resource may come again, which OTLP allows, in a later piece. */
export function* renderOtlpTrace({ spans }: StoredTrace): Generator<string> {
  yield OTLP_HEAD;
  for (let at = 0; at < spans.length; at += SPANS_PER_PIECE) {
    const message = spansToOtlpJson(spans.slice(at, at + SPANS_PER_PIECE));
    const resourceSpans = message.slice(OTLP_HEAD.length, -OTLP_TAIL.length);
    yield at === 0 ? resourceSpans : `,${resourceSpans}`;
  }
  yield OTLP_TAIL;
}
