/** The telemetry store of the configured engine. */
import type { TaskPool } from '../../component.js';
import type { StoreConfig } from '../config.js';
import { createPostgresTelemetry } from './postgres/store.js';
import { createSqliteTelemetry, type SqliteTelemetryEvents } from './sqlite/store.js';
import type { TelemetryStore } from './telemetry.js';

export interface TelemetryStoreOptions {
  config: Pick<StoreConfig, 'databaseUrl' | 'databasePoolSize' | 'queryTimeoutMs'>;
  /** SQLite only: the folder of the blocks. */
  directory: string;
  /** SQLite only: threads of the entry `sqlite-reader`. */
  pool: TaskPool;
  events: SqliteTelemetryEvents;
}

export type Engine = 'sqlite' | 'postgresql';

export function createTelemetryStore(options: TelemetryStoreOptions): TelemetryStore & { readonly engine: Engine } {
  const { databaseUrl: connectionString, databasePoolSize: poolSize, queryTimeoutMs } = options.config;
  if (connectionString === undefined) return { engine: 'sqlite', ...createSqliteTelemetry(options) };
  return { engine: 'postgresql', ...createPostgresTelemetry({ connectionString, poolSize, queryTimeoutMs }) };
}
