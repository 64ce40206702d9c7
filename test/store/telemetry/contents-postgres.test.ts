import pg from 'pg';
import { afterAll, describe } from 'vitest';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type ContentCounts, contentContract } from './contracts/contents.js';
import { makePostgresStore } from './postgres-database.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

async function countIn(connectionString: string): Promise<ContentCounts> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<ContentCounts>(
    `select count(*)::int as contents, coalesce(sum(length(text)), 0)::int as chars,
       (select count(*)::int from content_places) as places from contents`,
  );
  await client.end();
  return rows[0]!;
}

describe.skipIf(!server)('on Postgres', () => {
  contentContract('Postgres', async (options) => {
    const target = await makePostgresStore(server!, options);
    const countContents = () => countIn(target.connectionString);
    return Object.defineProperties({ countContents }, Object.getOwnPropertyDescriptors(target)) as never;
  });
});
