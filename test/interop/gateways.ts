import { onTestFinished } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../../bench/gateway-process.js';
import { configFile, temporaryFolder } from './programs.js';

export interface InteropGateway {
  /** As it runs now. */
  readonly now: GatewayProcess;
  /** With SIGKILL, and up again with the data that it had. */
  crash(): Promise<void>;
}

export interface InteropGatewayOptions {
  mode: 'full' | 'forward';
  /** As YAML in one line. */
  exporter?: string;
  signals?: readonly ('traces' | 'logs' | 'metrics')[];
}

const ALL = ['traces', 'logs', 'metrics'] as const;

function configOf({ mode, exporter, signals = ALL }: InteropGatewayOptions): string {
  if (exporter === undefined) return 'service: {}\n';
  const name = exporter.split(':', 1)[0]!;
  const exporters = mode === 'full' ? ['store', name] : [name];
  const pipelines = signals.map((signal) => `    ${signal}: { receivers: [otlp], exporters: [${exporters}] }`);
  return `receivers: { otlp: }\nexporters:\n  ${exporter}\nservice:\n  pipelines:\n${pipelines.join('\n')}\n`;
}

export async function startInteropGateway(options: InteropGatewayOptions): Promise<InteropGateway> {
  const dataDirectory = temporaryFolder();
  const file = configFile(configOf(options));
  const env = { MODE: options.mode, EXPORTER_RETRY_INITIAL_MS: '100', EXPORTER_RETRY_MAX_MS: '500' };
  const start = () => startGatewayProcess({ dataDirectory, env, args: ['--config', file] });
  let now = await start();
  onTestFinished(() => now.kill());
  return {
    get now() {
      return now;
    },
    async crash() {
      await now.kill();
      now = await start();
    },
  };
}
