/**
 * An OTLP request becomes records. JSON is rewritten as protobuf first, so that the same data gives the same records in
 * both encodings by construction. Runs in worker threads; synchronous, and not reentrant.
 */
import type { Encoding, Signal } from '../component.js';
import type { LogRecord, MetricPoint, Span } from '../model/telemetry.js';
import { toProtobuf } from './decode-json.js';
import { decodeLogRecord } from './decode-log.js';
import { decodeMetric } from './decode-metric.js';
import { eachItem } from './decode-resource.js';
import { decodeSpan } from './decode-span.js';
import { resetKeyValues } from './decode-value.js';
import { resetText } from './json-text.js';
import { closeWire, openWire } from './wire.js';

export interface EncodedRequest {
  signal: Signal;
  encoding: Encoding;
  payload: Buffer;
}

/** Only the list of the request's signal is filled. */
export interface DecodedRequest {
  spans: Span[];
  logRecords: LogRecord[];
  metricPoints: MetricPoint[];
}

/**
 * Nothing of the result refers to `payload`. Spans without usable ids are left out, as the check does. Throws an Error
 * that says what can't be decoded.
 */
export function decodeRequest({ signal, encoding, payload }: EncodedRequest): DecodedRequest {
  const request = encoding === 'json' ? toProtobuf(signal, payload) : payload;
  const decoded: DecodedRequest = { spans: [], logRecords: [], metricPoints: [] };
  openWire(request);
  try {
    decodeItems(signal, request.length, decoded);
    return decoded;
  } finally {
    closeWire();
    resetKeyValues();
    resetText();
  }
}

function decodeItems(signal: Signal, length: number, { spans, logRecords, metricPoints }: DecodedRequest): void {
  eachItem(length, (from, stop, resource, scope) => {
    if (signal === 'metrics') decodeMetric(from, stop, resource, scope, metricPoints);
    else if (signal === 'logs') logRecords.push(decodeLogRecord(from, stop, resource, scope));
    else {
      const span = decodeSpan(from, stop, resource, scope);
      if (span !== undefined) spans.push(span);
    }
  });
}
