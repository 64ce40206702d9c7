/** Native logs as an ExportLogsServiceRequest: one record each, whose fields are attributes. */
import type { LogBody } from '../../src/model/native.js';
import { logStatusOf } from '../../src/model/native-logs.js';
import { type Attribute, jsonTextOf, LOG_FIELDS, metadataAttributes } from '../../src/model/native-metadata.js';
import { LOG_ATTRIBUTES, LOG_EVENT, SPAN_ID_TEXT, TRACE_ID_TEXT } from '../../src/model/native-names.js';
import type { WireWriter } from '../../src/otlp/wire-writer.js';
import { keptText, spanIdOf, traceIdOf, type WrittenId } from './ids.js';
import { nativePayload } from './payload.js';
import { putAttributes, putString } from './values.js';

export interface TimedLog {
  log: LogBody;
  timeUnixNano: bigint;
}

export function logPayload(logs: readonly TimedLog[]): Iterable<Buffer> {
  return nativePayload(logs, putLogRecord);
}

/** OTLP SeverityNumber. */
const SEVERITIES = { ok: { number: 9, text: 'INFO' }, error: { number: 17, text: 'ERROR' } } as const;

function putLogRecord(writer: WireWriter, { log, timeUnixNano }: TimedLog): void {
  const { status, errorCode } = logStatusOf(log);
  const traceId = log.trace_id === undefined ? undefined : traceIdOf(log.trace_id);
  const spanId = log.span_id === undefined ? undefined : spanIdOf(log.span_id);
  writer.varint(0x09);
  writer.fixed64(timeUnixNano);
  writer.varint(0x10);
  writer.varint(SEVERITIES[status].number);
  putString(writer, 0x1a, SEVERITIES[status].text);
  putAttributes(writer, 0x32, fieldsOf(log, status, errorCode));
  putAttributes(writer, 0x32, textsOf(traceId, spanId));
  if (log.metadata !== undefined) putAttributes(writer, 0x32, metadataAttributes(log.metadata, LOG_FIELDS));
  putId(writer, 0x4a, traceId);
  putId(writer, 0x52, spanId);
  writer.varint(0x59);
  writer.fixed64(timeUnixNano);
  putString(writer, 0x62, LOG_EVENT);
}

/** Absent fields are left out by `putAttributes`. */
function fieldsOf(log: LogBody, status: string, errorCode: string | undefined): Attribute[] {
  return [
    [LOG_ATTRIBUTES.prompt_name, log.prompt_name],
    [LOG_ATTRIBUTES.version_tag, log.version_tag],
    [LOG_ATTRIBUTES.provider, log.provider],
    [LOG_ATTRIBUTES.model, log.model],
    [LOG_ATTRIBUTES.tokens_in, log.tokens_in],
    [LOG_ATTRIBUTES.tokens_out, log.tokens_out],
    [LOG_ATTRIBUTES.latency_ms, log.latency_ms],
    [LOG_ATTRIBUTES.cost_usd, log.cost_usd],
    [LOG_ATTRIBUTES.ollama_options, log.ollama_options && jsonTextOf(log.ollama_options)],
    [LOG_ATTRIBUTES.ollama_keep_alive, log.ollama_keep_alive],
    [LOG_ATTRIBUTES.ollama_format, formatText(log.ollama_format)],
    [LOG_ATTRIBUTES.status, status],
    [LOG_ATTRIBUTES.error_code, errorCode],
    [LOG_ATTRIBUTES.http_status, log.http_status],
    [LOG_ATTRIBUTES.run_id, log.run_id],
  ];
}

function formatText(format: LogBody['ollama_format']): string | undefined {
  return typeof format === 'object' ? jsonTextOf(format) : format;
}

function textsOf(traceId: WrittenId | undefined, spanId: WrittenId | undefined): Attribute[] {
  return [
    [TRACE_ID_TEXT, keptText(traceId)],
    [SPAN_ID_TEXT, keptText(spanId)],
  ];
}

function putId(writer: WireWriter, tag: number, id: WrittenId | undefined): void {
  if (id === undefined) return;
  writer.varint(tag);
  writer.bytes(id.id);
}
