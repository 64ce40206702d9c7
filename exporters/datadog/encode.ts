/**
 * OTLP requests become requests to the Agent's trace API, `/v0.4/traces`: a msgpack array of traces, each an array of the
 * spans of one trace id. A pure function, for a worker thread.
 */
import { Encoder } from '@msgpack/msgpack';
import type { Encoding } from '../../src/component.js';
import type { Span } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { bufferOf } from '../buffer-view.js';
import { type DatadogSpan, highTraceId, SAMPLING_PRIORITY, toDatadogSpan } from './span.js';

export interface TracePayload {
  encoding: Encoding;
  payload: Uint8Array;
}

/** One request to the Agent. */
export interface TraceRequest {
  body: Uint8Array;
  /** For X-Datadog-Trace-Count. */
  traces: number;
}

/** Datadog's tracers flush at 8 MB; the Agent refuses more than 25 MB. */
export const MAX_REQUEST_BYTES = 8 * 2 ** 20;

/** Bytes of an array header with a length of 32 bits. */
const HEADER_BYTES = 5;
const ARRAY_32 = 0xdd;

/** bigints become 64-bit integers, numbers doubles: no double that is a whole number is taken for an id. */
const encoder = new Encoder({ useBigInt64: true, forceIntegerToFloat: true, initialBufferSize: 64 * 1024 });

/**
 * Spans of one trace stand together, wherever they came from. A trace that is larger than a request is cut between its
 * spans, which the Agent takes as parts of one trace; a span that is larger goes alone. Throws for a payload that can't
 * be decoded.
 */
export function encodeTraces(payloads: readonly TracePayload[], maxRequestBytes = MAX_REQUEST_BYTES): TraceRequest[] {
  const writer = new RequestWriter(maxRequestBytes);
  for (const spans of tracesOf(payloads)) writeTrace(writer, spans, maxRequestBytes);
  return writer.finish();
}

/** For a worker thread: what can't be encoded is an answer, so that only a broken pool rejects. */
export type EncodedTraces = { requests: TraceRequest[]; reason?: never } | { requests?: never; reason: string };

export function encodeTracesOrReason(payloads: readonly TracePayload[]): EncodedTraces {
  try {
    return { requests: encodeTraces(payloads) };
  } catch (error) {
    return { reason: `it can't be encoded: ${(error as Error).message}` };
  }
}

function tracesOf(payloads: readonly TracePayload[]): Span[][] {
  const traces = new Map<string, Span[]>();
  for (const span of payloads.flatMap(spansOf)) {
    const id = Buffer.from(span.traceId).toString('latin1');
    const trace = traces.get(id);
    if (trace) trace.push(span);
    else traces.set(id, [span]);
  }
  return [...traces.values()];
}

function spansOf({ encoding, payload }: TracePayload): Span[] {
  const bytes = bufferOf(payload);
  return decodeRequest({ signal: 'traces', encoding, payload: bytes }).spans;
}

function writeTrace(writer: RequestWriter, spans: readonly Span[], maxRequestBytes: number): void {
  const priority = priorityOf(spans);
  let chunk = new Chunk();
  for (const span of spans) {
    let bytes = encodeSpan(span, chunk.isEmpty ? priority : undefined);
    if (!chunk.isEmpty && HEADER_BYTES + chunk.bytes + bytes.length > maxRequestBytes) {
      writer.add(chunk);
      chunk = new Chunk();
      bytes = encodeSpan(span, priority);
    }
    chunk.add(bytes);
  }
  writer.add(chunk);
}

const KEEP = 1;

/** Without one the Agent would keep a few traces a second, and drop the others. Any span of the trace may set it. */
function priorityOf(spans: readonly Span[]): number {
  const deciding = spans.filter(({ attributes }) => /"(sampling\.priority|_sampling_priority_v1)":/.test(attributes));
  const priorities = deciding.map((span) => toDatadogSpan(span).metrics[SAMPLING_PRIORITY]);
  return priorities.find((priority) => priority !== undefined) ?? KEEP;
}

/** `priority`: of the trace, for the first span of a chunk, which carries what is said of all of it. */
function encodeSpan(span: Span, priority: number | undefined): Buffer {
  const mapped = toDatadogSpan(span);
  if (priority !== undefined) putChunkTags(mapped, highTraceId(span), priority);
  return Buffer.from(encoder.encodeSharedRef(mapped));
}

function putChunkTags({ meta, metrics }: DatadogSpan, high: string, priority: number): void {
  if (high !== '') meta['_dd.p.tid'] = high;
  metrics[SAMPLING_PRIORITY] = priority;
}

function arrayHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = ARRAY_32;
  header.writeUInt32BE(length, 1);
  return header;
}

/** Spans of one trace. */
class Chunk {
  readonly #spans: Buffer[] = [];
  bytes = HEADER_BYTES;

  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  add(span: Buffer): void {
    this.#spans.push(span);
    this.bytes += span.length;
  }

  pieces(): Buffer[] {
    return [arrayHeader(this.#spans.length), ...this.#spans];
  }
}

class RequestWriter {
  readonly #maxBytes: number;
  readonly #requests: TraceRequest[] = [];
  #chunks: Chunk[] = [];
  #bytes = HEADER_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Chunk): void {
    if (this.#chunks.length > 0 && this.#bytes + chunk.bytes > this.#maxBytes) this.#flush();
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes;
  }

  finish(): TraceRequest[] {
    if (this.#chunks.length > 0) this.#flush();
    return this.#requests;
  }

  #flush(): void {
    const pieces = [arrayHeader(this.#chunks.length), ...this.#chunks.flatMap((chunk) => chunk.pieces())];
    // Memory of its own, so that it can be handed to another thread without a copy.
    const body = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const piece of pieces) at += piece.copy(body, at);
    this.#requests.push({ body, traces: this.#chunks.length });
    this.#chunks = [];
    this.#bytes = HEADER_BYTES;
  }
}
