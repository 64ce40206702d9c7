#!/usr/bin/env node
/** The process: configuration, the gateway, signals, the exit code. */
import { loadConfig, printEnvExample } from './config.js';
import { GatewayError } from './errors.js';
import { createGateway, type Gateway } from './gateway.js';

const USAGE = `promptmetrics-server: an OpenTelemetry-native gateway for LLM telemetry

  promptmetrics-server                     run, with the settings of the environment and of ./.env
  promptmetrics-server print-env-example   print every setting with its default
  promptmetrics-server rebuild-index       make the index of prompts anew from the content store
  promptmetrics-server --help

`;

/** One clear line for what the operator can mend; the stack only for what only we can. */
function explain(error: unknown): string {
  if (error instanceof GatewayError && error.code !== 'INTERNAL_ERROR') return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function stopOnSignals(gateway: Gateway, deadlineMs: number): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    gateway.logger.info({ event: 'stopping', signal }, `${signal}: finishing what was accepted`);
    try {
      await gateway.shutdown({ deadlineMs });
      process.exit(0);
    } catch (error) {
      gateway.logger.fatal({ err: error }, 'The shutdown failed');
      process.exit(1);
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function serve(): Promise<void> {
  const config = loadConfig({ env: process.env, directory: process.cwd() });
  const gateway = createGateway(config);
  stopOnSignals(gateway, config.process.shutdownDeadlineMs);
  process.on('unhandledRejection', (error) => gateway.logger.error({ err: error }, 'Unhandled rejection'));
  await gateway.start();
}

/** Ends with 1 where a version could not be looked at: what the index knew of it stays, and the command is run again. */
async function rebuild(): Promise<void> {
  const { describeRebuilt, rebuildFromSettings } = await import('./rebuild-index.js');
  const config = loadConfig({ env: process.env, directory: process.cwd() });
  const rebuilt = await rebuildFromSettings(config, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(describeRebuilt(rebuilt));
  if (rebuilt.failed > 0) process.exitCode = 1;
}

async function main(command: string | undefined): Promise<void> {
  if (command === undefined) return serve();
  if (command === 'print-env-example') {
    process.stdout.write(printEnvExample());
  } else if (command === 'rebuild-index') {
    await rebuild();
  } else if (command === '--help' || command === '-h' || command === 'help') {
    process.stdout.write(USAGE);
  } else {
    throw new GatewayError('CONFIG_INVALID', `Unknown command: ${command}\n\n${USAGE}`);
  }
}

main(process.argv[2]).catch((error: unknown) => {
  const what = process.argv[2] === 'rebuild-index' ? 'The index was not made anew' : 'Failed to start';
  process.stderr.write(`${what}: ${explain(error)}\n`);
  process.exit(1);
});
