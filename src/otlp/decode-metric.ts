/** A Metric message: from the wire to a record for each of its data points. */
import type { Metric, MetricPoint, MetricType, Resource, Scope } from '../model/telemetry.js';
import { contentKey, eachField } from './decode-resource.js';
import { putIdField } from './decode-span.js';
import { readText } from './decode-text.js';
import {
  addKeyValue,
  attributesText,
  eachFixed64,
  openKeyValues,
  putAttributes,
  type Ranges,
  readBool,
  readPieces,
} from './decode-value.js';
import { beginText, endText, putAscii, putByte, putDouble, putInt64 } from './json-text.js';
import { high, low, next, readUint32, readVarint, view } from './wire.js';

const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const CLOSE_OBJECT = 0x7d;

/** By the field number of Metric's oneof. */
const TYPES = new Map<number, MetricType>([
  [5, 'gauge'],
  [7, 'sum'],
  [9, 'histogram'],
  [10, 'exponential_histogram'],
  [11, 'summary'],
]);

export function decodeMetric(pos: number, end: number, resource: Resource, scope: Scope, out: MetricPoint[]): void {
  const metric: Metric = {
    key: '',
    name: '',
    description: '',
    unit: '',
    type: 'gauge',
    temporality: 0,
    monotonic: false,
    metadata: '{}',
  };
  const metadata = openKeyValues();
  // Of the members of a oneof the last one counts; the same member again is merged.
  let dataField = 0;
  let data: Ranges = [];
  eachField(pos, end, (tag, from, stop) => {
    const field = tag >>> 3;
    if (tag === 0x0a) metric.name = readText(from, stop);
    else if (tag === 0x12) metric.description = readText(from, stop);
    else if (tag === 0x1a) metric.unit = readText(from, stop);
    else if (tag === 0x62) addKeyValue(from, stop);
    else if ((tag & 7) === 2 && TYPES.has(field)) {
      if (field !== dataField) data = [];
      dataField = field;
      data.push(from, stop);
    }
  });
  metric.metadata = attributesText(metadata);
  if (dataField === 0) return;
  metric.type = TYPES.get(dataField)!;
  readPieces(data, (from, stop) => decodeData(from, stop, metric, resource, scope, out));
}

function decodeData(
  pos: number,
  end: number,
  metric: Metric,
  resource: Resource,
  scope: Scope,
  out: MetricPoint[],
): void {
  const points: Ranges = [];
  eachField(pos, end, (tag, from, stop) => {
    if (tag === 0x0a) points.push(from, stop);
    else if (tag === 0x10 && metric.type !== 'gauge' && metric.type !== 'summary') {
      metric.temporality = readUint32(from, stop) | 0;
    } else if (tag === 0x18 && metric.type === 'sum') metric.monotonic = readBool(from, stop);
  });
  const { name, description, unit, type, temporality, monotonic, metadata } = metric;
  metric.key = contentKey(name, description, unit, type, temporality, monotonic, metadata);
  for (let i = 0; i < points.length; i += 2) {
    const point = emptyPoint(metric, resource, scope);
    DECODE_POINT[type](points[i]!, points[i + 1]!, point);
    out.push(point);
  }
}

function emptyPoint(metric: Metric, resource: Resource, scope: Scope): MetricPoint {
  return {
    metric,
    timeUnixNano: 0n,
    startTimeUnixNano: 0n,
    flags: 0,
    attributes: '{}',
    intValue: undefined,
    doubleValue: undefined,
    distribution: undefined,
    exemplars: '[]',
    resource,
    scope,
  };
}

const DECODE_POINT: Record<MetricType, (pos: number, end: number, point: MetricPoint) => void> = {
  gauge: decodeNumberPoint,
  sum: decodeNumberPoint,
  histogram: decodeHistogramPoint,
  exponential_histogram: decodeExponentialPoint,
  summary: decodeSummaryPoint,
};

/** The fields that every kind of point has: start time 2, time 3. Returns whether the field was one of them. */
function readTime(tag: number, from: number, point: MetricPoint): boolean {
  if (tag === 0x11) point.startTimeUnixNano = view.getBigUint64(from, true);
  else if (tag === 0x19) point.timeUnixNano = view.getBigUint64(from, true);
  else return false;
  return true;
}

function decodeNumberPoint(pos: number, end: number, point: MetricPoint): void {
  const attributes = openKeyValues();
  const exemplars: Ranges = [];
  eachField(pos, end, (tag, from, stop) => {
    if (readTime(tag, from, point)) return;
    if (tag === 0x3a) addKeyValue(from, stop);
    else if (tag === 0x21) {
      point.doubleValue = view.getFloat64(from, true);
      point.intValue = undefined;
    } else if (tag === 0x31) {
      point.intValue = view.getBigInt64(from, true);
      point.doubleValue = undefined;
    } else if (tag === 0x2a) exemplars.push(from, stop);
    else if (tag === 0x40) point.flags = readUint32(from, stop);
  });
  point.attributes = attributesText(attributes);
  point.exemplars = exemplarsText(exemplars);
}

function decodeHistogramPoint(pos: number, end: number, point: MetricPoint): void {
  const attributes = openKeyValues();
  const exemplars: Ranges = [];
  const bucketCounts: Ranges = [];
  const explicitBounds: Ranges = [];
  const at = { count: -1, sum: -1, min: -1, max: -1 };
  eachField(pos, end, (tag, from, stop) => {
    if (readTime(tag, from, point)) return;
    if (tag === 0x4a) addKeyValue(from, stop);
    else if (tag === 0x21) at.count = from;
    else if (tag === 0x29) at.sum = from;
    else if (tag === 0x32 || tag === 0x31) bucketCounts.push(from, stop);
    else if (tag === 0x3a || tag === 0x39) explicitBounds.push(from, stop);
    else if (tag === 0x42) exemplars.push(from, stop);
    else if (tag === 0x50) point.flags = readUint32(from, stop);
    else if (tag === 0x59) at.min = from;
    else if (tag === 0x61) at.max = from;
  });
  point.attributes = attributesText(attributes);
  point.exemplars = exemplarsText(exemplars);
  beginText();
  putSummaryNumbers(at);
  putAscii(',"bucketCounts":');
  putList(bucketCounts, putFixed64At);
  putAscii(',"explicitBounds":');
  putList(explicitBounds, putDoubleAt);
  putByte(CLOSE_OBJECT);
  point.distribution = endText();
}

function decodeExponentialPoint(pos: number, end: number, point: MetricPoint): void {
  const attributes = openKeyValues();
  const exemplars: Ranges = [];
  const positive: Ranges = [];
  const negative: Ranges = [];
  const at = { count: -1, sum: -1, min: -1, max: -1, zeroCount: -1, zeroThreshold: -1 };
  let scale = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (readTime(tag, from, point)) return;
    if (tag === 0x0a) addKeyValue(from, stop);
    else if (tag === 0x21) at.count = from;
    else if (tag === 0x29) at.sum = from;
    else if (tag === 0x30) scale = readZigZag(from, stop);
    else if (tag === 0x39) at.zeroCount = from;
    else if (tag === 0x42) positive.push(from, stop);
    else if (tag === 0x4a) negative.push(from, stop);
    else if (tag === 0x50) point.flags = readUint32(from, stop);
    else if (tag === 0x5a) exemplars.push(from, stop);
    else if (tag === 0x61) at.min = from;
    else if (tag === 0x69) at.max = from;
    else if (tag === 0x71) at.zeroThreshold = from;
  });
  point.attributes = attributesText(attributes);
  point.exemplars = exemplarsText(exemplars);
  beginText();
  putSummaryNumbers(at);
  putAscii(`,"scale":${scale},"zeroCount":`);
  if (at.zeroCount < 0) putByte(0x30);
  else putFixed64At(at.zeroCount);
  putAscii(',"zeroThreshold":');
  putDouble(at.zeroThreshold < 0 ? 0 : view.getFloat64(at.zeroThreshold, true));
  if (positive.length > 0) putBuckets(',"positive":', positive);
  if (negative.length > 0) putBuckets(',"negative":', negative);
  putByte(CLOSE_OBJECT);
  point.distribution = endText();
}

function readZigZag(pos: number, end: number): number {
  const value = readUint32(pos, end);
  return (value >>> 1) ^ -(value & 1);
}

function putBuckets(before: string, pieces: Ranges): void {
  putAscii(before);
  readPieces(pieces, (pos, end) => {
    const counts: Ranges = [];
    let offset = 0;
    eachField(pos, end, (tag, from, stop) => {
      if (tag === 0x08) offset = readZigZag(from, stop);
      else if (tag === 0x10 || tag === 0x12) counts.push(from, stop);
    });
    putAscii(`{"offset":${offset},"bucketCounts":`);
    putVarints(counts);
    putByte(CLOSE_OBJECT);
  });
}

function putVarints(pieces: Ranges): void {
  let separator = OPEN_ARRAY;
  for (let i = 0; i < pieces.length; i += 2) {
    for (let pos = pieces[i]!; pos < pieces[i + 1]!; pos = next) {
      readVarint(pos, pieces[i + 1]!);
      putByte(separator);
      putInt64(high, low, false);
      separator = COMMA;
    }
  }
  if (separator === OPEN_ARRAY) putByte(OPEN_ARRAY);
  putByte(CLOSE_ARRAY);
}

function decodeSummaryPoint(pos: number, end: number, point: MetricPoint): void {
  const attributes = openKeyValues();
  const quantiles: Ranges = [];
  const at = { count: -1, sum: -1, min: -1, max: -1 };
  eachField(pos, end, (tag, from, stop) => {
    if (readTime(tag, from, point)) return;
    if (tag === 0x3a) addKeyValue(from, stop);
    else if (tag === 0x21) at.count = from;
    else if (tag === 0x29) at.sum = from;
    else if (tag === 0x32) quantiles.push(from, stop);
    else if (tag === 0x40) point.flags = readUint32(from, stop);
  });
  point.attributes = attributesText(attributes);
  beginText();
  putSummaryNumbers(at);
  // A summary's sum has no presence: not on the wire means 0.
  if (at.sum < 0) putAscii(',"sum":0.0');
  putAscii(',"quantileValues":');
  putQuantiles(quantiles);
  putByte(CLOSE_OBJECT);
  point.distribution = endText();
}

function putQuantiles(quantiles: Ranges): void {
  putByte(OPEN_ARRAY);
  for (let i = 0; i < quantiles.length; i += 2) {
    let quantile = 0;
    let value = 0;
    eachField(quantiles[i]!, quantiles[i + 1]!, (tag, from) => {
      if (tag === 0x09) quantile = view.getFloat64(from, true);
      else if (tag === 0x11) value = view.getFloat64(from, true);
    });
    putAscii(i === 0 ? '{"quantile":' : ',{"quantile":');
    putDouble(quantile);
    putAscii(',"value":');
    putDouble(value);
    putByte(CLOSE_OBJECT);
  }
  putByte(CLOSE_ARRAY);
}

/** Opens the object: the count, and what is there of sum, min and max. Positions of 64-bit numbers, -1 when absent. */
function putSummaryNumbers(at: { count: number; sum: number; min: number; max: number }): void {
  putAscii('{"count":');
  if (at.count < 0) putByte(0x30);
  else putFixed64At(at.count);
  for (const name of ['sum', 'min', 'max'] as const) {
    if (at[name] < 0) continue;
    putAscii(`,"${name}":`);
    putDoubleAt(at[name]);
  }
}

function putFixed64At(pos: number): void {
  putInt64(view.getInt32(pos + 4, true), view.getInt32(pos, true), false);
}

function putDoubleAt(pos: number): void {
  putDouble(view.getFloat64(pos, true));
}

function putList(pieces: Ranges, put: (pos: number) => void): void {
  let separator = OPEN_ARRAY;
  eachFixed64(pieces, (pos) => {
    putByte(separator);
    put(pos);
    separator = COMMA;
  });
  if (separator === OPEN_ARRAY) putByte(OPEN_ARRAY);
  putByte(CLOSE_ARRAY);
}

function exemplarsText(exemplars: Ranges): string {
  if (exemplars.length === 0) return '[]';
  beginText();
  for (let i = 0; i < exemplars.length; i += 2) {
    putAscii(i === 0 ? '[' : ',');
    putExemplar(exemplars[i]!, exemplars[i + 1]!);
  }
  putByte(CLOSE_ARRAY);
  return endText();
}

function putExemplar(pos: number, end: number): void {
  const attributes = openKeyValues();
  const traceId: Ranges = [0, 0];
  const spanId: Ranges = [0, 0];
  let timeUnixNano = 0n;
  let valueTag = 0;
  let value = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (tag === 0x11) timeUnixNano = view.getBigUint64(from, true);
    else if (tag === 0x19 || tag === 0x31) [valueTag, value] = [tag, from];
    else if (tag === 0x22) [spanId[0], spanId[1]] = [from, stop];
    else if (tag === 0x2a) [traceId[0], traceId[1]] = [from, stop];
    else if (tag === 0x3a) addKeyValue(from, stop);
  });
  putAscii(`{"timeUnixNano":"${timeUnixNano}"`);
  if (valueTag === 0x19) {
    putAscii(',"asDouble":');
    putDoubleAt(value);
  } else if (valueTag === 0x31) {
    putAscii(',"asInt":');
    putInt64(view.getInt32(value + 4, true), view.getInt32(value, true), true);
  }
  putIdField(',"traceId":"', traceId, 16);
  putIdField('","spanId":"', spanId, 8);
  putAscii('","filteredAttributes":');
  putAttributes(attributes);
  putByte(CLOSE_OBJECT);
}
