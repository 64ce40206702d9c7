/** What sending on costs where nothing is stored (MODE=forward), and what it costs the OpenTelemetry Collector. */
import type { Case, CaseOptions } from './case.js';
import { untilDelivered } from './delivered.js';
import { type Driven, driveGrpc, driveGrpcSteadily } from './drive.js';
import { createLoad, type Load } from './load.js';
import { withGateway } from './measured-gateway.js';
import { startCollector } from './otelcol.js';
import { type SinkProcess, startSink } from './sink-process.js';
import { assertClean } from './stored.js';
import { type Row, thousands } from './table.js';

/** What takes OTLP/gRPC at its address and sends it on. */
export interface Forwarder {
  /** host:port */
  readonly otlpGrpc: string;
  cpuSeconds(): number;
  memory(): { now: number; peak: number };
}

interface Forwarding {
  with<Result>(sink: SinkProcess, use: (forwarder: Forwarder) => Promise<Result>): Promise<Result>;
  /** Resolves when all that was acknowledged has gone on. */
  delivered(forwarder: Forwarder, sink: SinkProcess, spans: number): Promise<void>;
}

interface Turn {
  /** Spans in a second, from the first request until the last has arrived. */
  rate: number;
  cpuMicrosPerSpan: number;
  sinkMicrosPerSpan: number;
  peakBytes: number;
}

const SPANS_PER_REQUEST = 512;
const CONNECTIONS = 16;
const TURNS = 2;
const MEBIBYTE = 2 ** 20;

const forwardTo = ({ address }: SinkProcess) => ({
  MODE: 'forward',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://${address}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
});

const ours: Forwarding = {
  with: (sink, use) => withGateway(forwardTo(sink), use),
  delivered: (_forwarder, sink, spans) => sink.until(spans),
};

/** The same gateway, its answers for free: spans are read back from the buffer, and go nowhere, for only logs do. */
const nullSink: Forwarding = {
  with: (sink, use) =>
    withGateway(
      {
        MODE: 'forward',
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://${sink.address}`,
        OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'grpc',
      },
      use,
    ),
  delivered: (forwarder) => untilDelivered(forwarder as Forwarder & { api: string }),
};

const collector: Forwarding = {
  async with(sink, use) {
    const process = await startCollector(sink.address);
    try {
      return await use(process);
    } finally {
      await process.end();
    }
  },
  delivered: (_forwarder, sink, spans) => sink.until(spans),
};

async function measure(forwarding: Forwarding, load: Load, seconds: number): Promise<Turn> {
  const sink = await startSink();
  try {
    return await forwarding.with(sink, async (forwarder) => {
      const send = async (forSeconds: number): Promise<Driven> => {
        const until = { seconds: forSeconds };
        const driven = await driveGrpc(forwarder.otlpGrpc, { load, connections: CONNECTIONS, until });
        assertClean(driven);
        return driven;
      };
      const warm = await send(1);
      await forwarding.delivered(forwarder, sink, warm.spans);
      const before = { cpu: forwarder.cpuSeconds(), sink: sink.cpuSeconds() };
      const started = performance.now();
      const { spans } = await send(seconds);
      await forwarding.delivered(forwarder, sink, warm.spans + spans);
      const elapsed = (performance.now() - started) / 1000;
      return {
        rate: spans / elapsed,
        cpuMicrosPerSpan: ((forwarder.cpuSeconds() - before.cpu) / spans) * 1e6,
        sinkMicrosPerSpan: ((sink.cpuSeconds() - before.sink) / spans) * 1e6,
        peakBytes: forwarder.memory().peak,
      };
    });
  } finally {
    await sink.end();
  }
}

/** In turns, so that what the machine does meanwhile falls on both; of each the best, since noise only takes away. */
async function takeTurns(forwardings: readonly Forwarding[], load: Load, seconds: number): Promise<Turn[]> {
  const turns = forwardings.map((): Turn[] => []);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [index, forwarding] of forwardings.entries()) {
      turns[index]!.push(await measure(forwarding, load, seconds));
    }
  }
  return turns.map(best);
}

function best(turns: readonly Turn[]): Turn {
  const least = (of: (turn: Turn) => number) => Math.min(...turns.map(of));
  return {
    rate: Math.max(...turns.map(({ rate }) => rate)),
    cpuMicrosPerSpan: least((turn) => turn.cpuMicrosPerSpan),
    sinkMicrosPerSpan: least((turn) => turn.sinkMicrosPerSpan),
    peakBytes: Math.max(...turns.map(({ peakBytes }) => peakBytes)),
  };
}

function smallLoad({ seed }: CaseOptions, spans: number): Load {
  return createLoad({ shape: 'small', spans, encoding: 'protobuf', seed });
}

function describe(load: Load): string {
  return `small, ${load.spans} spans, ${Math.round(load.bytes / load.spans)} B each`;
}

function figures({ cpuMicrosPerSpan, sinkMicrosPerSpan, peakBytes }: Turn): string {
  const peak = Math.round(peakBytes / MEBIBYTE);
  return `${cpuMicrosPerSpan.toFixed(2)} µs CPU/span, peak ${peak} MiB (the sink ${sinkMicrosPerSpan.toFixed(2)} µs)`;
}

const forwardCase: Case = {
  name: 'otlp-grpc-to-otlp-grpc',
  async run(options) {
    const load = smallLoad(options, SPANS_PER_REQUEST);
    const [forwarded, nowhere] = (await takeTurns([ours, nullSink], load, options.seconds / 2)) as [Turn, Turn];
    const ratio = forwarded.cpuMicrosPerSpan / nowhere.cpuMicrosPerSpan;
    return [
      {
        case: 'otlp-grpc-to-otlp-grpc',
        load: describe(load),
        figure: `${thousands(forwarded.rate)} spans/s`,
        notes: `MODE=forward: ${figures(forwarded)}; ${ratio.toFixed(2)} times a null sink (${nowhere.cpuMicrosPerSpan.toFixed(2)} µs)`,
      },
    ];
  },
};

const STEADY_SPANS_PER_SECOND = 10_000;
/** A sidecar runs for weeks: what V8 compiles in its first seconds is no part of it. */
const WARMING_SECONDS = 15;
/** As deploy/kubernetes/sidecar.yaml runs it: what is dead is collected often, rather than kept for speed. */
const SIDECAR = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2', MALLOC_ARENA_MAX: '2' };

const steadyCase: Case = {
  name: 'otlp-grpc-to-otlp-grpc (steady)',
  async run(options) {
    const load = smallLoad(options, 50);
    const { seconds } = options;
    const sink = await startSink();
    try {
      return await withGateway({ ...forwardTo(sink), ...SIDECAR }, async (forwarder) => {
        const pace = { load, requestsPerSecond: STEADY_SPANS_PER_SECOND / load.spans };
        const warm = await driveGrpcSteadily(forwarder.otlpGrpc, { ...pace, seconds: WARMING_SECONDS });
        assertClean(warm);
        const before = forwarder.cpuSeconds();
        const driven = await driveGrpcSteadily(forwarder.otlpGrpc, { ...pace, seconds });
        const cores = (forwarder.cpuSeconds() - before) / driven.seconds;
        assertClean(driven);
        await sink.until(warm.spans + driven.spans);
        const { p50, p99 } = driven.latencyMs;
        const row: Row = {
          case: steadyCase.name,
          load: describe(load),
          figure: `${cores.toFixed(2)} cores`,
          notes:
            `MODE=forward, as a sidecar, at ${thousands(driven.spans / driven.seconds)} spans/s: peak ` +
            `${Math.round(forwarder.memory().peak / MEBIBYTE)} MiB, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
        };
        return [row];
      });
    } finally {
      await sink.end();
    }
  },
};

/** Throws, and says how it is got, when there is no Collector here. */
export const besideCollectorCase: Case = {
  name: 'otlp-grpc-to-otlp-grpc (beside otelcol)',
  long: true,
  async run(options) {
    const load = smallLoad(options, SPANS_PER_REQUEST);
    const [own, others] = (await takeTurns([ours, collector], load, options.seconds)) as [Turn, Turn];
    const rates = `${thousands(own.rate)} spans/s and ${thousands(others.rate)}`;
    const share = own.cpuMicrosPerSpan / others.cpuMicrosPerSpan;
    return [
      {
        case: besideCollectorCase.name,
        load: describe(load),
        figure: `${(own.rate / others.rate).toFixed(2)} times its rate`,
        notes: `at ${share.toFixed(2)} of its CPU/span: ${rates}; ours ${figures(own)}; its own ${figures(others)}`,
      },
    ];
  },
};

export const FORWARD_CASES: readonly Case[] = [forwardCase, steadyCase];
