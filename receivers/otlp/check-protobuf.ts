/**
 * The check of a protobuf request, on the wire itself. A known scalar needs no more than its wire type says, so one loop
 * serves all messages: a table tells which fields hold a message to go into, or packed numbers. Verdicts are those of
 * protobufjs's generated decoder, but for: varints of more than 10 bytes (refused in unknown fields too), nesting
 * (values: MAX_VALUE_DEPTH, groups: MAX_GROUP_DEPTH, where protobufjs counts 100 messages in all), and strings that are
 * not UTF-8 (let through, as Go and C++ SDKs send them; decoding puts U+FFFD).
 */
import type { Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { MAX_VALUE_DEPTH } from '../../src/model/json-value.js';
import { type Field, type Message, messageNamed, messages, REQUESTS } from '../../src/otlp/schema.js';
import {
  bytes,
  closeWire,
  next,
  openWire,
  readStop,
  readTag,
  shortStop,
  skip,
  skipVarint,
  WireError,
} from '../../src/otlp/wire.js';
import type { CheckResult } from './check-result.js';
import { cutProtobuf } from './cut.js';
import { locate } from './locate.js';
import { guessSignal, misdirected } from './misdirected.js';
import { type Reason, Rejections } from './rejections.js';
import { MAX_ITEMS, MAX_MESSAGES, tooManyItems, tooManyMessages } from './request-bounds.js';

/** Field numbers up to this are looked up; the highest that OTLP uses is 16. */
const TABLE_FIELDS = 32;
const PACKED_64 = 254;
const PACKED_VARINT = 255;

/** What a length-delimited field holds, by message id and field number: 0 nothing to look at, a message's id, or packed. */
const contents = new Uint8Array((messages.length + 1) * TABLE_FIELDS);
for (const message of messages) {
  for (const field of message.fields) contents[message.id * TABLE_FIELDS + field.number] = contentOf(field);
}

function contentOf(field: Field): number {
  if (field.message) return field.message.id;
  if (!field.repeated) return 0;
  if (field.kind === 'uint64') return PACKED_VARINT;
  return field.kind === 'fixed64' || field.kind === 'double' ? PACKED_64 : 0;
}

const ANY_VALUE = messageNamed('AnyValue').id;
const SPAN = messageNamed('Span').id;
const LOG_RECORD = messageNamed('LogRecord').id;
const METRIC = messageNamed('Metric').id;
const POINTS = new Uint8Array(messages.length + 1);
for (const { name, id } of messages) if (name.endsWith('DataPoint')) POINTS[id] = 1;

// The request that is being checked: one at a time, as the wire.
let accepted = 0;
let rejections = new Rejections();
/** Spans that carry neither id, and log records or metrics whose first field is of another signal's type. */
let foreign = 0;
/** Messages that were gone into, of every kind. */
let visited = 0;

function checkPackedVarints(pos: number, end: number): void {
  while (pos < end) pos = skipVarint(pos, end);
}

function checkMessage(type: number, pos: number, end: number, depth: number): void {
  if (++visited > MAX_MESSAGES) throw tooManyMessages();
  const row = type * TABLE_FIELDS;
  while (pos < end) {
    const start = pos;
    let tag = bytes[pos++]!;
    if (tag > 0x7f) {
      tag = readTag(start, end);
      pos = next;
    }
    if (tag < 8) throw new WireError(start, 'field number 0');
    if ((tag & 7) !== 2) {
      pos = skip(tag, pos, end);
      continue;
    }
    let stop = shortStop(pos++, end);
    if (stop === 0) {
      stop = readStop(pos - 1, end);
      pos = next;
    }
    const field = tag >>> 3;
    const content = field < TABLE_FIELDS ? contents[row + field]! : 0;
    if (content !== 0) checkContent(content, start, pos, stop, depth);
    pos = stop;
  }
}

function checkContent(content: number, start: number, pos: number, stop: number, depth: number): void {
  if (content === SPAN) checkSpan(start, pos, stop);
  else if (content === LOG_RECORD) checkLogRecord(pos, stop);
  else if (content === METRIC) checkMetric(pos, stop);
  else if (content === PACKED_VARINT) checkPackedVarints(pos, stop);
  else if (content === PACKED_64) checkPacked64(pos, stop);
  else if (content === ANY_VALUE) checkValue(pos, stop, depth + 1);
  else {
    accepted += POINTS[content]!;
    if (accepted > MAX_ITEMS) throw tooManyItems();
    checkMessage(content, pos, stop, depth);
  }
}

function checkPacked64(pos: number, stop: number): void {
  if ((stop - pos) % 8 !== 0) throw new WireError(pos, 'packed 64-bit numbers whose length is not a multiple of 8');
}

function checkValue(pos: number, stop: number, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) throw new WireError(pos, `values nest deeper than ${MAX_VALUE_DEPTH}`);
  checkMessage(ANY_VALUE, pos, stop, depth);
}

function checkSpan(start: number, pos: number, end: number): void {
  let traceId = 0;
  let traceIdLength = 0;
  let spanId = 0;
  let spanIdLength = 0;
  let parentLength = 0;
  if (accepted + rejections.total === MAX_ITEMS) throw tooManyItems();
  const row = SPAN * TABLE_FIELDS;
  while (pos < end) {
    const from = pos;
    let tag = bytes[pos++]!;
    if (tag > 0x7f) {
      tag = readTag(from, end);
      pos = next;
    }
    if (tag < 8) throw new WireError(from, 'field number 0');
    if ((tag & 7) !== 2) {
      pos = skip(tag, pos, end);
      continue;
    }
    let stop = shortStop(pos++, end);
    if (stop === 0) {
      stop = readStop(pos - 1, end);
      pos = next;
    }
    const field = tag >>> 3;
    if (field === 1) {
      traceId = pos;
      traceIdLength = stop - pos;
    } else if (field === 2) {
      spanId = pos;
      spanIdLength = stop - pos;
    } else if (field === 4) {
      parentLength = stop - pos;
    } else {
      const content = field < TABLE_FIELDS ? contents[row + field]! : 0;
      if (content !== 0) checkMessage(content, pos, stop, 0);
    }
    pos = stop;
  }
  if (traceIdLength === 0 && spanIdLength === 0) foreign += 1;
  if (traceIdLength !== 16) reject('trace id is not 16 bytes', start, end);
  else if (allZero(traceId, 16)) reject('trace id is all zero', start, end);
  else if (spanIdLength !== 8) reject('span id is not 8 bytes', start, end);
  else if (allZero(spanId, 8)) reject('span id is all zero', start, end);
  else if (parentLength !== 0 && parentLength !== 8) reject('parent span id is not 8 bytes', start, end);
  else accepted += 1;
}

function allZero(pos: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[pos + i] !== 0) return false;
  return true;
}

function reject(reason: Reason, start: number, end: number): void {
  rejections.add(reason);
  rejections.cut(start, end);
}

/** A span or metric starts with bytes, a log record with a fixed64. */
function checkLogRecord(pos: number, stop: number): void {
  if (accepted === MAX_ITEMS) throw tooManyItems();
  accepted += 1;
  if (pos < stop && bytes[pos] === 0x0a) foreign += 1;
  checkMessage(LOG_RECORD, pos, stop, 0);
}

/** Of the members of a oneof the last one counts, so the points of those before it are no points. */
function checkMetric(pos: number, stop: number): void {
  const before = accepted;
  checkMessage(METRIC, pos, stop, 0);
  if (accepted === before) foreign += 1;
  else if (hasSeveralKinds(pos, stop)) accepted = before + pointsOfLastKind(pos, stop);
}

/** Whether fields of more than one of gauge, sum, …, or a data field of wire type 2, occur: rare, and already verified. */
function hasSeveralKinds(pos: number, end: number): boolean {
  let seen = 0;
  eachMetricData(pos, end, (field) => {
    seen |= 1 << field;
  });
  return (seen & (seen - 1)) !== 0;
}

function pointsOfLastKind(pos: number, end: number): number {
  let last = 0;
  let points = 0;
  eachMetricData(pos, end, (field, from, stop) => {
    if (field !== last) points = 0;
    last = field;
    const before = accepted;
    checkMessage(contents[METRIC * TABLE_FIELDS + field]!, from, stop, 0);
    points += accepted - before;
  });
  return points;
}

const METRIC_DATA = new Set([5, 7, 9, 10, 11]);

function eachMetricData(pos: number, end: number, visit: (field: number, from: number, stop: number) => void): void {
  while (pos < end) {
    const tag = readTag(pos, end);
    if ((tag & 7) !== 2) {
      pos = skip(tag, next, end);
      continue;
    }
    const stop = readStop(next, end);
    if (METRIC_DATA.has(tag >>> 3)) visit(tag >>> 3, next, stop);
    pos = stop;
  }
}

function invalid(signal: Signal, body: Uint8Array, error: WireError): GatewayError {
  const seems = guessSignal(body);
  if (seems !== undefined && seems !== signal) return misdirected(signal, seems, error);
  const where = locate(body, REQUESTS[signal] as Message, error.offset);
  return new GatewayError('INVALID_PAYLOAD', `invalid protobuf at byte ${error.offset} (${where}): ${error.message}`);
}

/** Whether every item lacks what its signal always has: then the payload was meant for another path. */
function seemsMisdirected(signal: Signal): boolean {
  if (signal === 'traces') return accepted === 0 && rejections.total > 0;
  return foreign > 0 && (signal === 'logs' ? foreign === accepted : accepted === 0);
}

function refuseMisdirected(signal: Signal, body: Uint8Array): void {
  const seems = guessSignal(body);
  if (seems !== undefined && seems !== signal) throw misdirected(signal, seems);
  if (signal === 'traces' && foreign === rejections.total) throw misdirected(signal, undefined);
}

export function checkProtobuf(signal: Signal, body: Uint8Array): CheckResult {
  openWire(body);
  accepted = 0;
  foreign = 0;
  visited = 0;
  rejections = new Rejections();
  try {
    checkMessage(REQUESTS[signal].id, 0, body.length, 0);
    if (seemsMisdirected(signal)) refuseMisdirected(signal, body);
    const payload = rejections.total === 0 ? body : cutProtobuf(body, rejections.cuts);
    return { accepted, rejected: rejections.total, message: rejections.message(accepted), payload };
  } catch (error) {
    throw error instanceof WireError ? invalid(signal, body, error) : error;
  } finally {
    closeWire();
  }
}
