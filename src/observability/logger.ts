/** The process's own log: one JSON object a line, or readable lines on a terminal. */
import { createRequire } from 'node:module';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { build } from 'pino-pretty';
import type { LoggingConfig } from './config.js';

export type { Logger } from 'pino';

const load = createRequire(import.meta.url);

/** Synchronous: lines are few (one per state change), and the last one before a crash is the one that matters. */
function standardOutput(format: LoggingConfig['format']): DestinationStream {
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  if (!readable) return destination({ dest: 1, sync: true });
  // It takes longer to load than the logger itself, and few processes write to a terminal.
  const pretty = load('pino-pretty') as typeof build;
  return pretty({ colorize: process.stdout.isTTY, translateTime: 'SYS:HH:MM:ss.l', sync: true });
}

export function createLogger(config: LoggingConfig, stream?: DestinationStream): Logger {
  return pino(
    {
      level: config.level,
      // Neither pid nor host name: whoever collects the lines knows the container they came from.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream ?? standardOutput(config.format),
  );
}
