/** A sampler and an exporter on a buffer of their own, in this thread, that can be left as a crash would leave them. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { NOTHING } from '../../../exporters/encoding.js';
import { nopExporterEvents } from '../../../exporters/events.js';
import { createExporter, type Exporter } from '../../../exporters/exporter.js';
import { cutToSize } from '../../../exporters/split.js';
import { type TailSamplingConfig, tailSamplingSettings } from '../../../exporters/tail-sampling/config.js';
import type { TailSamplingEvents } from '../../../exporters/tail-sampling/events.js';
import type { Addressed, ChooseTask, FoldTask, OpenTask } from '../../../exporters/tail-sampling/messages.js';
import { createTailSampler, type SamplerOptions, type TailSampler } from '../../../exporters/tail-sampling/sampler.js';
import { TraceDecider } from '../../../exporters/tail-sampling/trace-decider.js';
import type { ExportRequest, Transport } from '../../../exporters/transport.js';
import { opentelemetry } from '../../../proto/generated/otlp.js';
import type { FrameInput, TaskPool } from '../../../src/component.js';
import { Enrichment } from '../../../workers/enrichment.js';
import { type TestBuffer, temporaryDirectory, testBuffer } from '../../buffer/fixture.js';
import { field, message, text } from '../../otlp/wire.js';
import { queueOf, transcode, until } from '../fixture.js';

export type Happened = {
  [Name in keyof TailSamplingEvents]: { name: Name } & Parameters<TailSamplingEvents[Name]>[0];
}[keyof TailSamplingEvents];

/** The clock of frames and samplers; timers go on as they do. */
export function stopTheClock(): { advance(ms: number): void } {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_750_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  return { advance: (ms) => void vi.setSystemTime(Date.now() + ms) };
}

export function configOf(settings: object): TailSamplingConfig {
  return tailSamplingSettings.parse({ decisionWait: '200ms', ...settings });
}

/** What workers/tail-sampler.ts does, in this thread, whose sessions can be forgotten. */
export function threadlessPool(): TaskPool & { forget(): void; deciders: Map<string, TraceDecider> } {
  const deciders = new Map<string, TraceDecider>();
  const enrichment = new Enrichment();
  let sessions = 0;
  const within = ({ session }: Addressed<object>, work: (decider: TraceDecider) => unknown) => {
    const decider = deciders.get(session);
    return decider === undefined ? { outcome: 'unknown' } : { outcome: 'done', result: work(decider) };
  };
  const act = (operation: string, argument: unknown): unknown => {
    if (operation === 'fold') return within(argument as Addressed<FoldTask>, (each) => each.fold(argument as FoldTask));
    if (operation === 'choose') {
      return within(argument as Addressed<ChooseTask>, (each) => each.choose(argument as ChooseTask));
    }
    if (operation === NOTHING) return undefined;
    const describe = (workspace: string, decoded: Parameters<SamplerDescribe>[1]) =>
      void enrichment.enrich({ workspace, ...decoded });
    const session = `session ${sessions++}`;
    deciders.set(session, new TraceDecider({ ...(argument as OpenTask), describe }));
    return session;
  };
  return {
    deciders,
    // As between threads: the answer comes later, and what is handed over is a copy.
    run: async <Result>(operation: string, argument: unknown) => act(operation, structuredClone(argument)) as Result,
    forget() {
      for (const decider of deciders.values()) decider.close();
      deciders.clear();
    },
  };
}

type SamplerDescribe = ConstructorParameters<typeof TraceDecider>[0]['describe'];

export interface SampledExporter {
  buffer: TestBuffer;
  sampler: TailSampler;
  exporter: Exporter;
  pool: ReturnType<typeof threadlessPool>;
  happened: Happened[];
  directory: string;
  /** Span ids, and `log <trace id>` of log records, in hex, in the order in which they came. */
  sent: string[];
  /** Items that came to the sampler from ranges that were released, and those that it let pass. */
  passed: { incoming: number; outgoing: number };
  buried: { sequence: number; reason: string }[];
  /** In good order. */
  stop(): Promise<void>;
  /** As kill -9 would leave it now, on a copy; the answer is where. Nothing of what is left behind counts any more. */
  kill(): Promise<string>;
}

export interface SampledOptions {
  config: TailSamplingConfig;
  directory?: string;
  sent?: string[];
  queue?: Record<string, string>;
  bufferMaxBytes?: number;
  /** Of the backend. */
  outage?: { isDown: boolean };
  rest?: Partial<SamplerOptions>;
}

const BUFFER_BYTES = 4 * 2 ** 20;

export async function startSampled(options: SampledOptions): Promise<SampledExporter> {
  const directory = options.directory ?? (await temporaryDirectory());
  const bufferMaxBytes = options.bufferMaxBytes ?? BUFFER_BYTES;
  const folder = path.join(directory, 'buffer');
  const buffer = testBuffer({ directory: folder, settings: { maxBytes: String(bufferMaxBytes) } });
  const happened: Happened[] = [];
  const pool = threadlessPool();
  let exporter: Exporter | undefined;
  const sampler = createTailSampler({
    name: 'tail_sampling',
    config: options.config,
    buffer,
    bufferMaxBytes,
    maxWaitingBytes: () => bufferMaxBytes / 4,
    directory: path.join(directory, 'verdicts'),
    samplesLogs: true,
    pool,
    neededFrom: () => exporter!.persistedCursor(),
    events: recorded(happened),
    lingerMs: 0,
    retryMs: 5,
    ...options.rest,
  });
  const sent = options.sent ?? [];
  const passed: SampledExporter['passed'] = { incoming: 0, outgoing: 0 };
  const buried: SampledExporter['buried'] = [];
  let isAlive = true;
  const transport = sink(options.outage ?? { isDown: false }, (ids) => isAlive && sent.push(...ids));
  exporter = createExporter({
    name: 'otlp',
    config: queueOf(options.queue),
    bufferMaxBytes,
    buffer,
    transports: { traces: transport, logs: transport, metrics: transport },
    chooser: sampler.chooser({
      exporter: 'otlp',
      processor: 'tail_sampling',
      bury: async (part, reason) => void buried.push({ sequence: part.sequence, reason }),
    }),
    toProtobuf: transcode,
    cut: async (task) => cutToSize(task),
    bury: async () => {},
    events: {
      ...nopExporterEvents,
      processed({ incoming, outgoing }) {
        passed.incoming += incoming;
        passed.outgoing += outgoing;
      },
    },
  });
  const stop = async () => {
    await sampler.shutdown({ deadlineMs: 5000 });
    await exporter.shutdown({ deadlineMs: 5000 });
    await buffer.shutdown({ deadlineMs: 5000 });
    pool.forget();
  };
  onTestFinished(stop);
  await buffer.start();
  await exporter.start();
  await sampler.start();
  return {
    buffer,
    sampler,
    exporter,
    pool,
    happened,
    directory,
    sent,
    passed,
    buried,
    stop,
    async kill() {
      const copy = await temporaryDirectory();
      isAlive = false;
      // In one go: nothing of this process comes in between.
      cpSync(directory, copy, { recursive: true });
      await stop();
      return copy;
    },
  };
}

function recorded(happened: Happened[]): TailSamplingEvents {
  return new Proxy({} as TailSamplingEvents, {
    get: (_, name) => (happening: object) => void happened.push({ name, ...happening } as unknown as Happened),
  });
}

function sink(outage: { isDown: boolean }, take: (ids: string[]) => void): Transport {
  return {
    endpoint: 'memory',
    byWorkspace: false,
    async send(request) {
      if (outage.isDown) return { kind: 'retry', reason: 'down' };
      take(idsIn(request));
      return { kind: 'accepted', rejected: 0, message: '' };
    },
    async close() {},
  };
}

function idsIn({ signal, payload }: ExportRequest): string[] {
  const hex = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('hex');
  if (signal === 'metrics') return ['metrics'];
  if (signal === 'traces') {
    const { resourceSpans } = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest.decode(payload);
    return (resourceSpans ?? [])
      .flatMap(({ scopeSpans }) => scopeSpans ?? [])
      .flatMap(({ spans }) => spans ?? [])
      .map(({ spanId }) => hex(spanId));
  }
  const { resourceLogs } = opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest.decode(payload);
  return (resourceLogs ?? [])
    .flatMap(({ scopeLogs }) => scopeLogs ?? [])
    .flatMap(({ logRecords }) => logRecords ?? [])
    .map(({ traceId }) => `log ${hex(traceId)}`);
}

// ---- what is sent ----

export interface SpanInput {
  /** Of the trace: a number, or 32 hex digits. */
  trace: number | string;
  span: number;
  startMs?: number;
  durationMs?: number;
  isError?: boolean;
  attributes?: Record<string, string | number | boolean>;
}

/** Spread over all randomness, and the same in each run. */
export function traceId(trace: number | string): string {
  if (typeof trace === 'string') return trace;
  const mixed = BigInt.asUintN(56, BigInt(trace + 1) * 0x9e3779b97f4a7c15n).toString(16);
  return `${'ab'.repeat(5)}${trace.toString(16).padStart(8, '0')}${mixed.padStart(14, '0')}`;
}

export function spanIdOf(span: number): string {
  return (span + 1).toString(16).padStart(16, '0');
}

export function spanOf({ trace, span, startMs = 1000, durationMs = 1, isError, attributes = {} }: SpanInput): Buffer {
  return message(
    2,
    field(1, 2, Buffer.from(traceId(trace), 'hex')),
    field(2, 2, Buffer.from(spanIdOf(span), 'hex')),
    text(5, `span ${span}`),
    field(7, 1, fixed64(startMs)),
    field(8, 1, fixed64(startMs + durationMs)),
    ...Object.entries(attributes).map(([key, value]) => keyValue(9, key, value)),
    ...(isError ? [message(15, Buffer.from([0x18, 2]))] : []),
  );
}

function fixed64(ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(ms) * 1_000_000n);
  return bytes;
}

export function keyValue(number: number, key: string, value: string | number | boolean): Buffer {
  return message(number, text(1, key), message(2, anyValue(value)));
}

function anyValue(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return text(1, value);
  if (typeof value === 'boolean') return Buffer.from([0x10, value ? 1 : 0]);
  const bytes = Buffer.alloc(9, 0x21);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

export function spansFrame(spans: readonly SpanInput[], rest: Partial<FrameInput> = {}): FrameInput {
  // Each in a scope, and every second one in a resource, of its own.
  const [ones, others] = [spans.filter(({ span }) => span % 2 === 0), spans.filter(({ span }) => span % 2 === 1)];
  const resourceOf = (some: readonly SpanInput[], name: string) =>
    message(1, message(1, keyValue(1, 'service.name', name)), ...some.map((span) => message(2, spanOf(span))));
  const payload = Buffer.concat([resourceOf(ones, 'one'), resourceOf(others, 'other')]);
  return { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: spans.length, payload, ...rest };
}

/** A result of an evaluation of the trace, as OpenTelemetry's event. */
export function scoreFrame(trace: number, score: number, name = 'helpfulness'): FrameInput {
  const record = message(
    2,
    keyValue(6, 'gen_ai.evaluation.name', name),
    keyValue(6, 'gen_ai.evaluation.score.value', score),
    field(9, 2, Buffer.from(traceId(trace), 'hex')),
    text(12, 'gen_ai.evaluation.result'),
  );
  return {
    signal: 'logs',
    encoding: 'protobuf',
    workspace: 'default',
    items: 1,
    payload: message(1, message(2, record)),
  };
}

export const caughtUp = ({ exporter }: SampledExporter) =>
  until(() => exporter.state().lag.frames === 0, 'the end of the lag');

export const folded = ({ happened }: SampledExporter) =>
  happened.flatMap((each) => (each.name === 'folded' ? [each] : []));

export function sumOf(test: SampledExporter, of: 'kept' | 'dropped' | 'early' | 'newTraces'): number {
  return folded(test).reduce((sum, each) => sum + each[of], 0);
}
