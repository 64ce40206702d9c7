/** The exporters of the OpenTelemetry SDK for Node, as applications have them, against both doors. */
import { OTLPLogExporter as GrpcLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as GrpcTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { logs, tracing } from '@opentelemetry/sdk-node';
import { afterEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import { createSinkAppender } from '../../helpers/appenders.js';
import { openGrpc } from './calls.js';
import { type Door, openHttp } from './doors.js';

type Compression = 'none' | 'gzip';
type Exporter = { export: tracing.SpanExporter['export'] } & Pick<tracing.SpanExporter, 'shutdown'>;
interface ExporterOptions {
  url: string;
  compression: never;
}

const exporters: Pick<Exporter, 'shutdown'>[] = [];
afterEach(() => Promise.all(exporters.splice(0).map((exporter) => exporter.shutdown())));

/** Records of a provider, handed to the exporter, and what the exporter says of them. */
function exportTo<Item>(
  exporter: { export(items: Item[], done: (result: { code: number }) => void): void; shutdown(): Promise<void> },
  items: readonly Item[],
): Promise<number> {
  exporters.push(exporter);
  return new Promise((resolve) => exporter.export([...items], ({ code }) => resolve(code)));
}

function twoSpans(): readonly tracing.ReadableSpan[] {
  const memory = new tracing.InMemorySpanExporter();
  const provider = new tracing.BasicTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(memory)] });
  const tracer = provider.getTracer('test');
  tracer.startSpan('one').end();
  tracer.startSpan('two').end();
  return memory.getFinishedSpans();
}

function twoLogRecords(): readonly logs.ReadableLogRecord[] {
  const memory = new logs.InMemoryLogRecordExporter();
  const provider = new logs.LoggerProvider({ processors: [new logs.SimpleLogRecordProcessor({ exporter: memory })] });
  const logger = provider.getLogger('test');
  logger.emit({ body: 'one' });
  logger.emit({ body: { two: 2 } });
  return memory.getFinishedLogRecords();
}

const OPEN_HTTP = async (next: ReturnType<typeof createSinkAppender>, path: string) => {
  const door = await openHttp({ next });
  return { door, url: `http://127.0.0.1:${door.port}${path}` };
};
const OPEN_GRPC = async (next: ReturnType<typeof createSinkAppender>) => {
  const door = await openGrpc({ next });
  return { door, url: `http://127.0.0.1:${door.port}` };
};

const DOORS = [
  ['HTTP/protobuf', OPEN_HTTP, ProtoTraceExporter, ProtoLogExporter, 'protobuf'],
  ['HTTP/JSON', OPEN_HTTP, JsonTraceExporter, JsonLogExporter, 'json'],
  ['gRPC', OPEN_GRPC, GrpcTraceExporter, GrpcLogExporter, 'protobuf'],
] as const;

describe.each(DOORS)('the exporters over %s', (_, open, TraceExporter, LogExporter, encoding) => {
  test.each(['none', 'gzip'] satisfies Compression[])(
    'deliver spans and log records (compression: %s)',
    async (compression) => {
      const next = createSinkAppender();
      const traces = await open(next, '/v1/traces');
      const forTraces: ExporterOptions = { url: traces.url, compression: compression as never };
      expect(await exportTo(new TraceExporter(forTraces), twoSpans())).toBe(0);
      const records = await open(next, '/v1/logs');
      const forLogs: ExporterOptions = { url: records.url, compression: compression as never };
      expect(await exportTo(new LogExporter(forLogs), twoLogRecords())).toBe(0);
      expect(next.frames).toMatchObject([
        { signal: 'traces', encoding, items: 2 },
        { signal: 'logs', encoding, items: 2 },
      ]);
    },
  );
});

// The gRPC exporter of the SDK for Node leaves a retry to the application.
describe.each(DOORS.slice(0, 2))('the exporters over %s', (_, open, TraceExporter) => {
  test('come again after a full buffer, and deliver', async () => {
    const sink = createSinkAppender();
    let refusals = 1;
    const next: typeof sink = {
      frames: sink.frames,
      append: (frame) =>
        refusals-- > 0
          ? Promise.reject(new GatewayError('BUFFER_FULL', 'full', { retryAfterMs: 0 }))
          : sink.append(frame),
    };
    const { door, url }: { door: Door; url: string } = await open(next, '/v1/traces');
    expect(await exportTo(new TraceExporter({ url }), twoSpans())).toBe(0);
    expect(door.events.requests).toMatchObject([{ outcome: 'refused' }, { outcome: 'accepted' }]);
  });
});
