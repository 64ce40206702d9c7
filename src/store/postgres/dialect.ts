import { type Dialect, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { fromPostgres, translated } from './errors.js';

/** Kysely over a pg pool, whose errors come as the gateway's. Destroying the Kysely instance ends the pool. */
export function createPostgresDialect(pool: pg.Pool): Dialect {
  return new PostgresDialect({ pool: translating(pool) });
}

function translating(pool: pg.Pool): PostgresPool {
  return {
    connect: async () => clientOf(await translated(pool.connect())),
    end: () => pool.end(),
  };
}

function clientOf(client: pg.PoolClient): PostgresPoolClient {
  // What the server didn't answer leaves a connection in an unknown state: it must not serve another caller.
  let broken = false;
  const query = async (sql: string, parameters: readonly unknown[]) => {
    try {
      return await client.query(sql, [...parameters]);
    } catch (error) {
      broken ||= !(error instanceof pg.DatabaseError);
      throw fromPostgres(error);
    }
  };
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(broken) };
}
