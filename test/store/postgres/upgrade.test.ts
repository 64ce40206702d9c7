import { Kysely } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import * as foundation from '../../../migrations/telemetry-postgres/0001-foundation.js';
import { POSTGRES_FACTS } from '../../../src/store/dialect-facts.js';
import { migrate } from '../../../src/store/migrator.js';
import { createPostgresDialect } from '../../../src/store/postgres/dialect.js';
import { createPostgresTelemetry } from '../../../src/store/telemetry/postgres/store.js';
import { openPostgresWriter } from '../../../src/store/telemetry/postgres/writer.js';
import { BASE_TIME_UNIX_NANO, decodedFrame, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { BUFFER } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

/** As a gateway of the first schema left it: a day of its own, and a trace in it. */
async function makeOldDatabase(): Promise<string> {
  const connectionString = await server!.createDatabase();
  const pool = new pg.Pool({ connectionString });
  const db = new Kysely({ dialect: createPostgresDialect(pool) });
  await migrate(db, POSTGRES_FACTS, { name: 'telemetry', migrations: [foundation] });
  const day = `from (${BASE_TIME_UNIX_NANO}) to (${BASE_TIME_UNIX_NANO + 86_400_000_000_000n})`;
  for (const table of ['spans', 'trace_batches', 'log_records']) {
    await pool.query(`create table ${table}_20260101 partition of ${table} for values ${day}`);
  }
  await pool.query(
    `insert into trace_batches values (${BASE_TIME_UNIX_NANO}, ${BASE_TIME_UNIX_NANO}, 1, 1, ${BASE_TIME_UNIX_NANO}, 1, 0,
       '00000000-0000-0000-0000-000000000001', 'default', 'old', '{}')`,
  );
  await db.destroy();
  return connectionString;
}

describe.skipIf(!server)('a Postgres database of the first schema', () => {
  it('is opened without what it holds, or takes nothing native', async () => {
    const connectionString = await makeOldDatabase();
    const store = createPostgresTelemetry({ connectionString, poolSize: 2, queryTimeoutMs: 20_000 });
    await store.start();
    const writer = await openPostgresWriter({ connectionString, writer: 0 });
    const source = recordSource(1);
    const span = source.span({ name: 'new' });
    const log = source.logRecord({ eventName: 'native' });
    const native = { traces: [], revises: false, idempotency: undefined };
    const frames = [
      decodedFrame(1, { native, spans: [span] }),
      decodedFrame(2, { native: { ...native, revises: true }, spans: [{ ...span, name: 'revised' }] }),
      decodedFrame(3, { native, logRecords: [log] }),
    ];
    await writer.write({ bufferId: BUFFER, range: { first: 1, last: 3 }, frames });
    const page = await store.listTraces({ workspace: 'default', limit: 10, order: 'asc' });
    expect(page.items.map(({ name }) => name).sort()).toEqual(['old', 'revised']);
    expect(await store.listLogs({ workspace: 'default', eventName: 'native', limit: 10 })).toMatchObject({ total: 1 });
    await writer.close();
    await store.shutdown({ deadlineMs: 5_000 });
  });
});
