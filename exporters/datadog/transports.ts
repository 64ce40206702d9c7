/** What a Datadog exporter consists of, by how it sends. */
import { SIGNALS, type Signal, type TaskPool } from '../../src/component.js';
import type { OtlpExporterConfig } from '../otlp/config.js';
import { createTransports, type TransportOptions } from '../otlp/transport.js';
import type { Transport } from '../transport.js';
import { agentUrlOf, createAgentTransport } from './agent.js';
import type { DatadogConfig } from './config.js';
import { agentIntake, agentlessIntake, MAX_INTAKE_BYTES } from './intake.js';

export interface DatadogExporterOptions extends TransportOptions {
  name: string;
  config: DatadogConfig;
  /** Has the operation ENCODE_TRACES; asked in the mode `agent-traces` alone. */
  pool: TaskPool;
}

export interface DatadogExporter {
  transports: Partial<Record<Signal, Transport>>;
  /** Where requests go, when it is over TCP: none of them may be this gateway's own. */
  urls: URL[];
  /** Batches must not be larger: undefined where nothing is known of a limit. */
  maxRequestBytes: number | undefined;
  /** What an operator should know, once. */
  advice: string | undefined;
}

/** Throws CONFIG_INVALID. Does no I/O. */
export function createDatadogExporter(options: DatadogExporterOptions): DatadogExporter {
  const { mode = 'agent' } = options.config;
  if (mode === 'agent-traces') return viaTraceApi(options);
  return mode === 'agent' ? viaAgent(options) : viaIntake(options);
}

const TRACES_ONLY = "The Agent's trace API takes traces alone; DATADOG_EXPORTER=agent sends logs and metrics, too";
const DELTA_ONLY =
  'Datadog takes metrics without an Agent only where their temporality is delta, and refuses cumulative ones';

function viaTraceApi({ config, ...options }: DatadogExporterOptions): DatadogExporter {
  const url = agentUrlOf(config);
  return {
    transports: { traces: createAgentTransport({ config, ...options }) },
    urls: url === undefined ? [] : [url],
    maxRequestBytes: undefined,
    advice: TRACES_ONLY,
  };
}

function viaAgent(options: DatadogExporterOptions): DatadogExporter {
  return viaOtlp(options, (signal) => agentIntake(options.config, signal), undefined, undefined);
}

function viaIntake(options: DatadogExporterOptions): DatadogExporter {
  return viaOtlp(options, (signal) => agentlessIntake(options.config, signal), MAX_INTAKE_BYTES, DELTA_ONLY);
}

function viaOtlp(
  options: DatadogExporterOptions,
  destinationOf: (signal: Signal) => ReturnType<typeof agentIntake>,
  maxRequestBytes: number | undefined,
  advice: string | undefined,
): DatadogExporter {
  const destinations: OtlpExporterConfig['destinations'] = {};
  for (const signal of SIGNALS) destinations[signal] = destinationOf(signal);
  const transports = createTransports({ name: options.name, destinations }, options);
  return { transports, urls: Object.values(destinations).map(({ url }) => url), maxRequestBytes, advice };
}
