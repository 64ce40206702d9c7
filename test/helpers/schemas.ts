/** What fills a database of Postgres before a test gets a copy of it: the tables as a first start makes them. */
import { createControlStore } from '../../src/store/control/store.js';
import { createPostgresTelemetry } from '../../src/store/telemetry/postgres/store.js';

const POOL = { poolSize: 1, queryTimeoutMs: 20_000 };
const DEADLINE = { deadlineMs: 5_000 };

export async function controlSchema(databaseUrl: string): Promise<void> {
  const { poolSize, queryTimeoutMs } = POOL;
  const config = { dataDir: '/nonexistent', sqlitePath: undefined, databaseUrl };
  const store = createControlStore({ config: { ...config, databasePoolSize: poolSize, queryTimeoutMs } });
  await store.start();
  await store.shutdown(DEADLINE);
}

export async function telemetrySchema(connectionString: string): Promise<void> {
  const store = createPostgresTelemetry({ connectionString, ...POOL });
  await store.start();
  await store.shutdown(DEADLINE);
}
