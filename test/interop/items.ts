/** Requests of every signal whose items can be told apart, and what of them arrived. */
import { randomBytes } from 'node:crypto';
import { opentelemetry } from '../../proto/generated/otlp.js';
import type { Signal } from '../../src/component.js';
import type { Received } from '../helpers/otlp-backend.js';

const { ExportTraceServiceRequest, ExportTraceServiceResponse } = opentelemetry.proto.collector.trace.v1;
const { ExportLogsServiceRequest } = opentelemetry.proto.collector.logs.v1;
const { ExportMetricsServiceRequest } = opentelemetry.proto.collector.metrics.v1;

export interface Request {
  body: Buffer;
  /** One for each item. */
  ids: string[];
}

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'interop' } }] };
const scope = { name: 'interop', version: '1' };
const NOW_NANOS = BigInt(Date.now()) * 1_000_000n;
const nanos = (after: number) => Number(NOW_NANOS + BigInt(after));
const bytesOf = (bytes: Uint8Array) => Buffer.from(bytes);

function traces(ids: string[]): Buffer {
  const traceId = randomBytes(16);
  const spans = ids.map((id, index) => ({
    traceId,
    spanId: Buffer.from(id, 'hex'),
    name: `span ${index}`,
    kind: 1,
    startTimeUnixNano: nanos(index),
    endTimeUnixNano: nanos(index + 1000),
  }));
  return bytesOf(
    ExportTraceServiceRequest.encode({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }).finish(),
  );
}

function logs(ids: string[]): Buffer {
  const logRecords = ids.map((id, index) => ({
    timeUnixNano: nanos(index),
    severityNumber: 9,
    body: { stringValue: id },
  }));
  return bytesOf(
    ExportLogsServiceRequest.encode({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] }).finish(),
  );
}

function metrics(ids: string[]): Buffer {
  const dataPoints = ids.map((id, index) => ({
    timeUnixNano: nanos(index),
    asInt: index,
    attributes: [{ key: 'id', value: { stringValue: id } }],
  }));
  const gauge = { name: 'interop.gauge', unit: '1', gauge: { dataPoints } };
  return bytesOf(
    ExportMetricsServiceRequest.encode({
      resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: [gauge] }] }],
    }).finish(),
  );
}

const ENCODERS: Record<Signal, (ids: string[]) => Buffer> = { traces, logs, metrics };

export function request(signal: Signal, items: number): Request {
  const ids = Array.from({ length: items }, () => randomBytes(8).toString('hex'));
  return { body: ENCODERS[signal](ids), ids };
}

function spansIn(body: Buffer) {
  return (ExportTraceServiceRequest.decode(body).resourceSpans ?? [])
    .flatMap(({ scopeSpans }) => scopeSpans ?? [])
    .flatMap(({ spans }) => spans ?? []);
}

const hex = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes!).toString('hex');

const DECODERS: Record<Signal, (body: Buffer) => string[]> = {
  traces: (body) => spansIn(body).map(({ spanId }) => hex(spanId)),
  logs: (body) =>
    (ExportLogsServiceRequest.decode(body).resourceLogs ?? [])
      .flatMap(({ scopeLogs }) => scopeLogs ?? [])
      .flatMap(({ logRecords }) => logRecords ?? [])
      .map((record) => record.body!.stringValue!),
  metrics: (body) =>
    (ExportMetricsServiceRequest.decode(body).resourceMetrics ?? [])
      .flatMap(({ scopeMetrics }) => scopeMetrics ?? [])
      .flatMap((each) => each.metrics ?? [])
      .flatMap(({ gauge }) => gauge?.dataPoints ?? [])
      .map(({ attributes }) => attributes![0]!.value!.stringValue!),
};

/** Of everything that arrived, the ids of that signal's items, as often as they did. */
export function idsOf(signal: Signal, received: readonly Received[]): string[] {
  return received.filter((each) => each.signal === signal).flatMap(({ body }) => DECODERS[signal](body));
}

/** Of traces requests, the ids of the spans by their trace; a request that was looked at is not decoded again. */
export class SpanIndex {
  readonly #spans = new Map<string, Set<string>>();
  #seen = 0;

  spansOf(traceId: string, received: readonly Received[]): Set<string> {
    for (const { signal, body } of received.slice(this.#seen)) if (signal === 'traces') this.#add(body);
    this.#seen = received.length;
    return this.#spans.get(traceId) ?? new Set();
  }

  #add(body: Buffer): void {
    for (const span of spansIn(body)) {
      const traceId = hex(span.traceId);
      this.#spans.set(traceId, (this.#spans.get(traceId) ?? new Set()).add(hex(span.spanId)));
    }
  }
}

async function send(url: string, signal: Signal, body: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const response = await fetch(`${url}/v1/${signal}`, { method: 'POST', headers, body: new Uint8Array(body) });
  const answer = Buffer.from(await response.arrayBuffer());
  // The number of what was rejected stands at the same place in the answers of all three signals.
  const { partialSuccess } = response.ok ? ExportTraceServiceResponse.decode(answer) : {};
  const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
  if (!response.ok || rejected > 0) throw new Error(`${url} answers ${response.status}, ${rejected} rejected`);
}

/** Requests of every signal, sent one after another; the ids of all that was acknowledged. */
export async function sendAll(url: string, requests: number, items: number): Promise<Record<Signal, string[]>> {
  const sent: Record<Signal, string[]> = { traces: [], logs: [], metrics: [] };
  for (let count = 0; count < requests; count++) {
    for (const signal of ['traces', 'logs', 'metrics'] as const) {
      const { body, ids } = request(signal, items);
      await send(url, signal, body);
      sent[signal].push(...ids);
    }
  }
  return sent;
}
