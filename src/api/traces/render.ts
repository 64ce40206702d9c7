import { type NativeTrace, nativeSpanOf, nativeTraceOf } from '../../model/native-view.js';
import { spansToOtlpJson } from '../../otlp/encode.js';
import type { StoredSpan, StoredTrace, TraceSummary } from '../../store/telemetry/telemetry.js';
import {
  createSharedText,
  durationMillis,
  hex,
  type SharedText,
  snakeCaseMembers,
  unixMillis,
  unixSeconds,
} from '../json-text.js';
import { KINDS } from './schema.js';

/** Text of a trace comes in pieces of about this many characters, and the event loop turns between two of them. */
const PIECE_CHARACTERS = 128 * 1024;

/** Whole milliseconds are what native clients write, and leave out. */
interface Millis {
  startTimeMs: number | null;
  endTimeMs: number | null;
}

function renderTimes({ startTimeMs, endTimeMs }: Millis, startUnixNano: bigint, endUnixNano: bigint): string {
  return (
    `"start_time":${startTimeMs},"end_time":${endTimeMs},` +
    `"start_time_unix_nano":"${startUnixNano}","end_time_unix_nano":"${endUnixNano}",` +
    `"duration_ms":${durationMillis(startUnixNano, endUnixNano)}`
  );
}

const UNDECLARED: Omit<NativeTrace, 'traceIdText'> = { promptName: null, versionTag: null, metadata: '{}' };

/** Members of who declared the trace, first its id: as `traceIdText` has it, as it was declared, or in hex. */
function renderDeclaration({ traceId, record }: TraceSummary, traceIdText: string | undefined): string {
  const declared = record && nativeTraceOf(record);
  const { promptName, versionTag, metadata } = declared ?? UNDECLARED;
  return (
    `"trace_id":${JSON.stringify(traceIdText ?? declared?.traceIdText ?? hex(traceId))},` +
    `"prompt_name":${JSON.stringify(promptName)},"version_tag":${JSON.stringify(versionTag)},"metadata":${metadata}`
  );
}

/** The members of a trace, without the braces: a whole trace adds its spans to them. */
function renderSummaryMembers(summary: TraceSummary, traceIdText?: string): string {
  const { startTimeUnixNano, endTimeUnixNano } = summary;
  const millis = { startTimeMs: unixMillis(startTimeUnixNano), endTimeMs: unixMillis(endTimeUnixNano) };
  return (
    `${renderDeclaration(summary, traceIdText)},"name":${JSON.stringify(summary.name)},` +
    `"status":"${summary.errorCount > 0 ? 'error' : 'ok'}",` +
    `${renderTimes(millis, startTimeUnixNano, endTimeUnixNano)},` +
    `"span_count":${summary.spanCount},"error_count":${summary.errorCount},` +
    `"services":${JSON.stringify(summary.services)},"created_at":${unixSeconds(summary.receivedTimeUnixMs)}`
  );
}

export function renderSummary(summary: TraceSummary): string {
  return `{${renderSummaryMembers(summary)}}`;
}

/** `traceIdText`: as the request wrote it. */
export function renderSpan(span: StoredSpan, traceIdText: string, shared: SharedText): string {
  const native = nativeSpanOf(span);
  return (
    `{"trace_id":${JSON.stringify(traceIdText)},"span_id":${JSON.stringify(native.spanIdText)},` +
    `"parent_id":${JSON.stringify(native.parentIdText)},` +
    `"name":${JSON.stringify(span.name)},"kind":"${KINDS[span.kind] ?? 'unspecified'}",` +
    `"status":"${native.status}","status_message":${JSON.stringify(span.statusMessage)},` +
    `${renderTimes(native, span.startTimeUnixNano, span.endTimeUnixNano)},"metadata":${native.metadata},` +
    `"trace_state":${JSON.stringify(span.traceState)},"flags":${span.flags},"attributes":${span.attributes},` +
    `"events":${snakeCaseMembers(span.events)},"links":${snakeCaseMembers(span.links)},` +
    `"dropped_attributes_count":${span.droppedAttributesCount},"dropped_events_count":${span.droppedEventsCount},` +
    `"dropped_links_count":${span.droppedLinksCount},${shared.resource(span.resource)},${shared.scope(span.scope)},` +
    `"created_at":${unixSeconds(span.receivedTimeUnixMs)}}`
  );
}

/** The text of a trace in pieces that are cheap to make: together they are one JSON object. */
export function* renderTrace({ summary, spans, truncated }: StoredTrace, traceIdText: string): Generator<string> {
  const shared = createSharedText();
  const cut = truncated ? '"spans_truncated":true,' : '';
  let piece = `{${renderSummaryMembers(summary, traceIdText)},${cut}"spans":[`;
  for (const [index, span] of spans.entries()) {
    const text = renderSpan(span, traceIdText, shared);
    piece += index === 0 ? text : `,${text}`;
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
