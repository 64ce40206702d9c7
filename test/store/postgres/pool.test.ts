import { afterAll, describe, expect, it } from 'vitest';
import { createPool } from '../../../src/store/postgres/pool.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

describe.skipIf(!postgres)('a connection that breaks', () => {
  it('ends the process when it is lent out and says nothing just then', async () => {
    const connectionString = await postgres!.createDatabase();
    const pool = createPool({ connectionString, poolSize: 2, queryTimeoutMs: 5000, int8: 'number', json: 'value' });
    const uncaught: Error[] = [];
    const listen = (error: Error) => uncaught.push(error);
    process.on('uncaughtException', listen);
    const lent = await pool.connect();
    const ended = new Promise<void>((resolve) => lent.once('end', resolve));
    const { rows } = await lent.query<{ pid: number }>('select pg_backend_pid() as pid');
    await pool.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    await expect(lent.query('select 1')).rejects.toThrow('not queryable');
    process.off('uncaughtException', listen);
    lent.release(true);
    expect(uncaught).toEqual([]);
    expect((await pool.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});
