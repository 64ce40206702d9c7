/** Native spans as an ExportTraceServiceRequest. */
import type { SpanBody } from '../../src/model/native.js';
import { type Attribute, metadataAttributes, SPAN_FIELDS } from '../../src/model/native-metadata.js';
import {
  ABSENT,
  PARENT_ID_TEXT,
  RUNNING,
  SPAN_ID_TEXT,
  type StatusName,
  TRACE_ID_TEXT,
} from '../../src/model/native-names.js';
import type { WireWriter } from '../../src/otlp/wire-writer.js';
import { keptText, spanIdOf, traceIdOf, type WrittenId } from './ids.js';
import { nativePayload } from './payload.js';
import { putAttributes, putMessage, putString } from './values.js';

export interface SpanDraft {
  body: SpanBody;
  traceId: WrittenId;
  spanId: WrittenId;
  parentId: WrittenId | undefined;
}

export function spanDraft(body: SpanBody): SpanDraft {
  return {
    body,
    traceId: traceIdOf(body.trace_id),
    spanId: spanIdOf(body.span_id),
    parentId: body.parent_id === undefined ? undefined : spanIdOf(body.parent_id, 'parent_id'),
  };
}

export function spanPayload(drafts: readonly SpanDraft[], receivedTimeUnixMs: number): Iterable<Buffer> {
  return nativePayload(drafts, (writer, draft) => putSpan(writer, draft, receivedTimeUnixMs));
}

/** OTLP StatusCode: a running span has none yet. */
export const STATUS_CODES: Readonly<Record<StatusName, number>> = { unset: 0, running: 0, ok: 1, error: 2 };

const NANOS_PER_MS = 1_000_000n;

export function nanosOf(unixMs: number): bigint {
  return BigInt(unixMs) * NANOS_PER_MS;
}

function putSpan(writer: WireWriter, draft: SpanDraft, receivedTimeUnixMs: number): void {
  const { body, traceId, spanId, parentId } = draft;
  const { startMs, endMs } = timesOf(body, receivedTimeUnixMs);
  writer.varint(0x0a);
  writer.bytes(traceId.id);
  writer.varint(0x12);
  writer.bytes(spanId.id);
  if (parentId !== undefined) {
    writer.varint(0x22);
    writer.bytes(parentId.id);
  }
  putString(writer, 0x2a, body.name);
  writer.varint(0x39);
  writer.fixed64(nanosOf(startMs));
  writer.varint(0x41);
  writer.fixed64(nanosOf(endMs));
  putAttributes(writer, 0x4a, fieldsOf(draft));
  if (body.metadata !== undefined) putAttributes(writer, 0x4a, metadataAttributes(body.metadata, SPAN_FIELDS));
  putStatus(writer, STATUS_CODES[body.status]);
}

/** OTLP has no span without times: it begins when it was received, or ended, and ends when it began. */
function timesOf(body: SpanBody, receivedTimeUnixMs: number): { startMs: number; endMs: number } {
  const startMs = body.start_time ?? Math.min(receivedTimeUnixMs, body.end_time ?? receivedTimeUnixMs);
  return { startMs, endMs: body.end_time ?? startMs };
}

function fieldsOf({ body, traceId, spanId, parentId }: SpanDraft): Attribute[] {
  return [
    [TRACE_ID_TEXT, keptText(traceId)],
    [SPAN_ID_TEXT, keptText(spanId)],
    [PARENT_ID_TEXT, keptText(parentId)],
    [ABSENT, absentTimes(body)],
    [RUNNING, body.status === 'running' ? true : undefined],
  ];
}

function absentTimes({ start_time, end_time }: SpanBody): string[] | undefined {
  if (start_time !== undefined && end_time !== undefined) return undefined;
  return [...(start_time === undefined ? ['start_time'] : []), ...(end_time === undefined ? ['end_time'] : [])];
}

function putStatus(writer: WireWriter, code: number): void {
  if (code === 0) return;
  putMessage(writer, 0x7a, () => {
    writer.varint(0x18);
    writer.varint(code);
  });
}
