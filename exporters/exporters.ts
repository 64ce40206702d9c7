/** Every exporter that the configuration names, as one component: they start, send and stop side by side. */
import { type Component, type FrameInput, SIGNALS, type Signal, type TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { type Backend, createBackends, type ExporterSources } from './backends.js';
import type { Part } from './batch.js';
import { bySignal, type Chooser, inTurn } from './chooser.js';
import type { QueueConfig } from './config.js';
import {
  createExporter,
  type Exporter,
  type ExporterOptions,
  type ExporterState,
  type RefusedLetter,
} from './exporter.js';
import { type Door, refuseOwnDoors } from './own-address.js';
import { createProcessing } from './processing/chooser.js';
import { isLedTo, type Steps, stepsFromFiles } from './processing/components.js';
import { type ChoosingConfig, stepsFromVariables } from './processing/config.js';
import { CUT, type CutTask, type Piece } from './split.js';

type Shared = Pick<ExporterOptions, 'bufferMaxBytes' | 'buffer' | 'toProtobuf' | 'bury' | 'events'>;

export interface ExportersOptions extends Shared {
  config: ExporterSources & { choosing: ChoosingConfig };
  queue: QueueConfig;
  /** Cuts requests, and encodes for backends that take something else than OTLP in protobuf: started before the exporters. */
  pool: TaskPool;
  /** Where this gateway listens: nothing is exported to there. */
  doors: readonly Door[];
  version: string;
  /** What of each range goes to the exporter of that name; undefined: everything. */
  chooserOf?(exporter: string): Chooser | undefined;
  /** What an operator should know of a backend, told at the start. */
  advise(exporter: string, advice: string): void;
}

export interface Exporters extends Component {
  readonly names: readonly string[];
  /** By name. */
  states(): Record<string, ExporterState>;
  /** No exporter begins with an earlier sequence after a restart. */
  persistedCursor(): number;
  /** Sends a dead letter's frame to the backend that refused it, once. Rejects with CONFLICT or BACKEND_UNAVAILABLE. */
  resend(exporter: string, frame: FrameInput): Promise<void>;
}

/** Registers a consumer of the buffer for each: create them before the buffer is started. Throws CONFIG_INVALID. */
export function createExporters(options: ExportersOptions): Exporters {
  const { config, queue, pool, version, buffer } = options;
  const backends = createBackends({ config, queue, pool, version, gatewayId: () => buffer.id }).map((backend) =>
    isByVariables(backend, options) ? { ...backend, transports: only(config.choosing.signals, backend) } : backend,
  );
  const cut = (task: CutTask) => pool.run<Piece[]>(CUT, task);
  const exporters = new Map<string, Exporter>(
    backends.map((backend) => {
      const { name, queue, transports } = backend;
      return [
        name,
        createExporter({ ...options, name, config: queue, transports, cut, chooser: chooserOf(backend, options) }),
      ];
    }),
  );
  const each = (act: (exporter: Exporter) => Promise<void>) => Promise.all([...exporters.values()].map(act));

  const refuseOwn = async (): Promise<void> => {
    for (const { name, urls } of backends) {
      for (const url of urls) await refuseOwnDoors(name, url, options.doors);
    }
  };

  return {
    name: 'exporters',
    names: [...exporters.keys()],
    async start() {
      await refuseOwn();
      for (const { name, advice } of backends) if (advice !== undefined) options.advise(name, advice);
      await each((exporter) => exporter.start());
    },
    async shutdown(deadline) {
      await each((exporter) => exporter.shutdown(deadline));
    },
    states: () => Object.fromEntries([...exporters].map(([name, exporter]) => [name, exporter.state()])),
    persistedCursor: () => Math.min(...[...exporters.values()].map((exporter) => exporter.persistedCursor())),
    async resend(name, frame) {
      const exporter = exporters.get(name);
      if (!exporter) throw new GatewayError('CONFLICT', `The exporter ${name} is not configured any more`);
      await exporter.resend(frame);
    },
  };
}

/** An exporter that no pipeline of a file leads to. */
function isByVariables({ name }: Backend, { config: { service } }: ExportersOptions): boolean {
  return service === undefined || !isLedTo(name, service);
}

function only(signals: readonly string[], { transports }: Backend): Backend['transports'] {
  return Object.fromEntries(Object.entries(transports).filter(([signal]) => signals.includes(signal)));
}

/** Whole traces first: what goes with them needs not be looked at. undefined: everything goes there as it is. */
function chooserOf(backend: Backend, options: ExportersOptions): Chooser | undefined {
  const { config } = options;
  const steps = isByVariables(backend, options)
    ? stepsFromVariables(config.choosing)
    : stepsFromFiles(backend.name, config.service!);
  const choosers = [options.chooserOf?.(backend.name), processingOf(backend.name, steps, options)];
  const chosen = choosers.filter((chooser) => chooser !== undefined);
  return chosen.length > 1 ? inTurn(chosen) : chosen[0];
}

function processingOf(exporter: string, steps: Steps, options: ExportersOptions): Chooser | undefined {
  const { pool, events } = options;
  const bury = (part: Part, reason: string) => options.bury(letterOf(exporter, part, reason, options.buffer.id));
  const choosers = SIGNALS.flatMap((signal) => {
    const own = steps[signal] ?? [];
    if (own.length === 0) return [];
    return [[signal, createProcessing({ exporter, signal, steps: own, pool, bury, events })] as const];
  });
  return choosers.length === 0 ? undefined : bySignal(Object.fromEntries(choosers) as Partial<Record<Signal, Chooser>>);
}

function letterOf(exporter: string, part: Part, reason: string, bufferId: string): RefusedLetter {
  const { sequence, piece, signal, workspace, items, receivedTimeUnixMs, payload } = part;
  const frame = { signal, encoding: 'protobuf', workspace, items, receivedTimeUnixMs } as const;
  return { exporter, bufferId, sequence, lastSequence: sequence, piece, reason, frame, payload };
}
