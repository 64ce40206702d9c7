import type { StoredLogRecord } from '../../store/telemetry/telemetry.js';
import { hexOrNull, type SharedText, unixMillis, unixSeconds } from '../json-text.js';

export function renderLogRecord(record: StoredLogRecord, shared: SharedText): string {
  const time = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
  return (
    `{"time":${unixMillis(time)},"time_unix_nano":"${record.timeUnixNano}",` +
    `"observed_time_unix_nano":"${record.observedTimeUnixNano}","severity_number":${record.severityNumber},` +
    `"severity_text":${JSON.stringify(record.severityText)},"event_name":${JSON.stringify(record.eventName)},` +
    `"body":${record.body},"attributes":${record.attributes},` +
    `"dropped_attributes_count":${record.droppedAttributesCount},"flags":${record.flags},` +
    `"trace_id":${hexOrNull(record.traceId)},"span_id":${hexOrNull(record.spanId)},` +
    `${shared.resource(record.resource)},${shared.scope(record.scope)},` +
    `"created_at":${unixSeconds(record.receivedTimeUnixMs)}}`
  );
}
