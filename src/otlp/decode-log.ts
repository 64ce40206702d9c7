/** A LogRecord message: from the wire to the record that is stored. */
import type { LogRecord, Resource, Scope } from '../model/telemetry.js';
import { readId } from './decode-id.js';
import { eachField } from './decode-resource.js';
import { readText } from './decode-text.js';
import { addKeyValue, attributesText, openKeyValues, putValue, type Ranges, readPieces } from './decode-value.js';
import { beginText, endText } from './json-text.js';
import { readUint32, view } from './wire.js';

export function decodeLogRecord(pos: number, end: number, resource: Resource, scope: Scope): LogRecord {
  const attributes = openKeyValues();
  const body: Ranges = [];
  const record: LogRecord = {
    timeUnixNano: 0n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: '',
    eventName: '',
    body: 'null',
    attributes: '{}',
    droppedAttributesCount: 0,
    flags: 0,
    traceId: undefined,
    spanId: undefined,
    resource,
    scope,
  };
  eachField(pos, end, (tag, from, stop) => {
    switch (tag) {
      case 0x09:
        record.timeUnixNano = view.getBigUint64(from, true);
        break;
      case 0x10:
        record.severityNumber = readUint32(from, stop) | 0;
        break;
      case 0x1a:
        record.severityText = readText(from, stop);
        break;
      case 0x2a:
        body.push(from, stop);
        break;
      case 0x32:
        addKeyValue(from, stop);
        break;
      case 0x38:
        record.droppedAttributesCount = readUint32(from, stop);
        break;
      case 0x45:
        record.flags = view.getUint32(from, true);
        break;
      case 0x4a:
        record.traceId = readId(from, stop, 16);
        break;
      case 0x52:
        record.spanId = readId(from, stop, 8);
        break;
      case 0x59:
        record.observedTimeUnixNano = view.getBigUint64(from, true);
        break;
      case 0x62:
        record.eventName = readText(from, stop);
        break;
    }
  });
  record.attributes = attributesText(attributes);
  if (body.length > 0) record.body = valueText(body);
  return record;
}

function valueText(pieces: Ranges): string {
  beginText();
  readPieces(pieces, (from, stop) => putValue(from, stop, 1));
  return endText();
}
