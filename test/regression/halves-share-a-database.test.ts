/** Both halves called a table idempotency_keys: on Postgres, where they share the database, no gateway started. */
import { afterAll, describe, expect, it } from 'vitest';
import { createControlStore } from '../../src/store/control/store.js';
import { createPostgresTelemetry } from '../../src/store/telemetry/postgres/store.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('the halves of the store in one Postgres database', () => {
  it.each(['control first', 'telemetry first'])('take a name from each other, %s', async (order) => {
    const connectionString = await server!.createDatabase();
    const limits = { databasePoolSize: 2, queryTimeoutMs: 10_000 };
    const control = createControlStore({
      config: { dataDir: '', sqlitePath: undefined, databaseUrl: connectionString, ...limits },
    });
    const telemetry = createPostgresTelemetry({ connectionString, poolSize: 2, queryTimeoutMs: 10_000 });
    const halves = order === 'control first' ? [control, telemetry] : [telemetry, control];
    try {
      for (const half of halves) await expect(half.start()).resolves.toBeUndefined();
    } finally {
      for (const half of halves) await half.shutdown({ deadlineMs: 1000 });
    }
  });
});
