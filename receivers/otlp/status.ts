/**
 * The few messages that answers are made of, written by hand: google.rpc.Status with its details, and the response of
 * the three Export methods, which have the same field numbers.
 */
import type { Encoding, Signal } from '../../src/component.js';
import { type GatewayError, GRPC } from '../../src/errors.js';

// OTLP 1.11: a response stays below 4 MiB; and gRPC clients drop trailers above 8 KiB, in which the message stands
// twice (grpc-message may triple it by percent-encoding). Many SDKs log it as it is.
const MAX_MESSAGE_BYTES = 1024;

/** Well-formed, without control characters, at most 1 KiB of UTF-8. */
export function publicMessage(message: string): string {
  // Through UTF-8 a lone surrogate becomes U+FFFD. Cutting within a character leaves one too, of three bytes.
  const bytes = Buffer.from(message.slice(0, MAX_MESSAGE_BYTES));
  const whole = bytes.length <= MAX_MESSAGE_BYTES ? bytes.toString() : cut(bytes);
  return whole.replace(/[\p{Cc}]+/gu, ' ');
}

function cut(bytes: Buffer): string {
  return bytes
    .subarray(0, MAX_MESSAGE_BYTES - 3)
    .toString()
    .replace(/\ufffd+$/, '');
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A varint field; nothing for the default. */
export function varintField(number: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(number << 3), varint(value)]);
}

/** A length-delimited field: text, bytes or a message. */
export function bytesField(number: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

interface Detail {
  type: string;
  protobuf: Buffer;
  json: Record<string, unknown>;
}

/** google.rpc.RetryInfo: without it gRPC clients don't retry RESOURCE_EXHAUSTED. */
function retryInfo(retryAfterMs: number): Detail {
  const seconds = Math.floor(retryAfterMs / 1000);
  const nanos = Math.round((retryAfterMs % 1000) * 1e6);
  const duration = Buffer.concat([varintField(1, seconds), varintField(2, nanos)]);
  return {
    type: 'type.googleapis.com/google.rpc.RetryInfo',
    protobuf: bytesField(1, duration),
    json: { retryDelay: `${retryAfterMs / 1000}s` },
  };
}

/** google.rpc.BadRequest: OTLP asks for it with payloads that can't be decoded. */
function badRequest(description: string): Detail {
  const violation = Buffer.concat([bytesField(1, 'body'), bytesField(2, description)]);
  return {
    type: 'type.googleapis.com/google.rpc.BadRequest',
    protobuf: bytesField(1, violation),
    json: { fieldViolations: [{ field: 'body', description }] },
  };
}

function detailsOf(error: GatewayError, message: string): Detail[] {
  if (error.retryable && error.retryAfterMs !== undefined) return [retryInfo(error.retryAfterMs)];
  return error.code === 'INVALID_PAYLOAD' && error.grpcStatus === GRPC.INVALID_ARGUMENT ? [badRequest(message)] : [];
}

function statusProtobuf(error: GatewayError): Buffer {
  const message = publicMessage(error.message);
  const details = detailsOf(error, message).map(({ type, protobuf }) =>
    bytesField(3, Buffer.concat([bytesField(1, type), bytesField(2, protobuf)])),
  );
  return Buffer.concat([varintField(1, error.grpcStatus), bytesField(2, message), ...details]);
}

function statusJson(error: GatewayError): Buffer {
  const message = publicMessage(error.message);
  const details = detailsOf(error, message).map(({ type, json }) => ({ '@type': type, ...json }));
  const status = { code: error.grpcStatus, message, ...(details.length > 0 && { details }) };
  return Buffer.from(JSON.stringify(status));
}

/** google.rpc.Status. */
export function encodeStatus(error: GatewayError, encoding: Encoding): Buffer {
  return encoding === 'protobuf' ? statusProtobuf(error) : statusJson(error);
}

const REJECTED_FIELD: Record<Signal, string> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
};

const FULL_SUCCESS: Record<Encoding, Buffer> = { protobuf: Buffer.alloc(0), json: Buffer.from('{}') };

/**
 * ExportTraceServiceResponse and its sisters. OTLP: `partial_success` stays unset when everything was taken, and
 * (0, '') is never sent; (0, message) is a warning.
 */
export function encodeExportResponse(signal: Signal, encoding: Encoding, rejected: number, message: string): Buffer {
  if (rejected === 0 && message === '') return FULL_SUCCESS[encoding];
  const errorMessage = publicMessage(message);
  if (encoding === 'protobuf') {
    return bytesField(1, Buffer.concat([varintField(1, rejected), bytesField(2, errorMessage)]));
  }
  // The JSON mapping of protobuf writes int64 as a string, and leaves defaults out.
  const count = rejected === 0 ? {} : { [REJECTED_FIELD[signal]]: String(rejected) };
  return Buffer.from(JSON.stringify({ partialSuccess: { ...count, errorMessage } }));
}
