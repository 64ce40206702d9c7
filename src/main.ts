#!/usr/bin/env node
/** The process: configuration, the gateway, signals, the exit code. */
import { parseArgs } from 'node:util';
import { type Config, type ConfigReading, configFaults, printEnvExample, readConfig } from './config.js';
import { createReload, type Reloadable } from './config-file/reload.js';
import { GatewayError } from './errors.js';
import type { Gateway } from './gateway.js';

const USAGE = `promptmetrics-server: an OpenTelemetry-native gateway for LLM telemetry

  promptmetrics-server                     run, with the settings of the environment and of ./.env
  promptmetrics-server validate            check the configuration; ends with 1 when it has faults
  promptmetrics-server print-config        print the configuration that holds, each value with where it came from
  promptmetrics-server print-env-example   print every setting with its default
  promptmetrics-server rebuild-index       make the index of prompts anew from the content store
  promptmetrics-server --help

  --config <file>   a YAML file in the shape of the OpenTelemetry Collector's; of several, the later ones win.
                    Variables of the environment, and ./.env, win over every file

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

function read(files: readonly string[]): ConfigReading {
  return readConfig({ env: process.env, directory: process.cwd(), files });
}

function sound({ config, faults }: ConfigReading): Config {
  if (!config) throw configFaults(faults);
  return config;
}

function logLevel(logger: Gateway['logger']): Reloadable<Config> {
  return {
    takes: (name) => name === 'logging.level',
    reload({ logging }) {
      logger.level = logging.level;
    },
  };
}

interface Starting {
  gateway: Gateway;
  files: readonly string[];
  reading: ConfigReading;
  started: Promise<void>;
}

/** A signal that comes during the start waits for its end. */
function reloadOnHangUp({ gateway, files, reading, started }: Starting): void {
  const reload = createReload({
    read: () => read(files),
    running: reading.values,
    parts: [logLevel(gateway.logger), gateway.reloading.exporters],
    events: gateway.reloading.events,
  });
  process.on('SIGHUP', () => started.then(reload, () => {}));
}

/** Each mode loads what it runs and no more: a sidecar has neither a database nor a registry in its memory. */
async function create(config: Config): Promise<Gateway> {
  if (config.process.mode === 'forward') return (await import('./forward.js')).createForwarder(config);
  return (await import('./gateway.js')).createGateway(config);
}

async function serve(files: readonly string[]): Promise<void> {
  const reading = read(files);
  const config = sound(reading);
  const gateway = await create(config);
  stopOnSignals(gateway, config.process.shutdownDeadlineMs);
  process.on('unhandledRejection', (error) => gateway.logger.error({ err: error }, 'Unhandled rejection'));
  for (const warning of reading.warnings) gateway.logger.warn({ event: 'config.warning' }, warning);
  const started = gateway.start();
  reloadOnHangUp({ gateway, files, reading, started });
  await started;
}

/** Creating does no I/O, and finds what no single setting shows: a ring too small for its largest request. */
async function validate(files: readonly string[]): Promise<void> {
  const reading = read(files);
  for (const warning of reading.warnings) process.stderr.write(`warning: ${warning}\n`);
  await create(sound(reading));
  process.stdout.write('valid\n');
}

function printConfig(files: readonly string[]): void {
  const reading = read(files);
  sound(reading);
  for (const warning of reading.warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(reading.print());
}

/** Ends with 1 where a version could not be looked at: what the index knew of it stays, and the command is run again. */
async function rebuild(files: readonly string[]): Promise<void> {
  const { describeRebuilt, rebuildFromSettings } = await import('./rebuild-index.js');
  const rebuilt = await rebuildFromSettings(sound(read(files)), (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(describeRebuilt(rebuilt));
  if (rebuilt.failed > 0) process.exitCode = 1;
}

/** What a command does, and what is said when it fails. */
interface Command {
  run(files: readonly string[]): void | Promise<void>;
  failed: string;
}

const COMMANDS: Record<string, Command> = {
  serve: { run: serve, failed: 'Failed to start' },
  validate: { run: validate, failed: 'Not valid' },
  'print-config': { run: printConfig, failed: 'Not valid' },
  'print-env-example': { run: () => void process.stdout.write(printEnvExample()), failed: 'Failed' },
  'rebuild-index': { run: rebuild, failed: 'The index was not made anew' },
  help: { run: () => void process.stdout.write(USAGE), failed: 'Failed' },
};

interface CommandLine {
  command: Command;
  files: readonly string[];
}

function readCommandLine(words: string[]): CommandLine {
  const wrong = (message: string) => new GatewayError('CONFIG_INVALID', `${message}\n\n${USAGE}`);
  try {
    const options = { config: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    const [name = 'serve', ...rest] = values.help ? ['help'] : positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command || rest.length > 0) throw wrong(`Unknown command: ${positionals.join(' ')}`);
    return { command, files: values.config ?? [] };
  } catch (error) {
    throw error instanceof GatewayError ? error : wrong((error as Error).message);
  }
}

async function main(words: string[]): Promise<void> {
  let failed = COMMANDS.serve!.failed;
  try {
    const { command, files } = readCommandLine(words);
    failed = command.failed;
    await command.run(files);
  } catch (error) {
    process.stderr.write(`${failed}: ${explain(error)}\n`);
    process.exit(1);
  }
}

await main(process.argv.slice(2));
