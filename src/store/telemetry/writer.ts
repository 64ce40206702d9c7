import type { TelemetryWriter, WriterOptions } from './telemetry.js';

/** Opens a writer in the calling thread. The engine's module is loaded here: one that isn't used costs nothing. */
export async function openTelemetryWriter(options: WriterOptions): Promise<TelemetryWriter> {
  if (options.engine === 'sqlite') {
    const { openSqliteWriter } = await import('./sqlite/writer.js');
    return openSqliteWriter(options);
  }
  const { openPostgresWriter } = await import('./postgres/writer.js');
  return openPostgresWriter(options);
}
