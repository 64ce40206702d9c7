import pg from 'pg';
import { fromPostgres, hasSqlState } from '../../postgres/errors.js';

/** Statements over a pool; reject with STORE_UNAVAILABLE or QUERY_TIMEOUT. */
export interface Queries {
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** undefined when it would take longer than that. */
  rowsWithin<Row extends object>(budgetMs: number, sql: string, values: readonly unknown[]): Promise<Row[] | undefined>;
}

export function queriesOver(pool: pg.Pool): Queries {
  return {
    async rows<Row extends object>(sql: string, values: readonly unknown[] = []) {
      try {
        const { rows } = await pool.query(sql, [...values]);
        return rows as Row[];
      } catch (error) {
        throw fromPostgres(error);
      }
    },
    async rowsWithin<Row extends object>(budgetMs: number, sql: string, values: readonly unknown[]) {
      try {
        return await limited<Row>(pool, budgetMs, sql, values);
      } catch (error) {
        if (hasSqlState(error, QUERY_CANCELED)) return undefined;
        throw fromPostgres(error);
      }
    },
  };
}

const QUERY_CANCELED = '57014';

async function limited<Row extends object>(
  pool: pg.Pool,
  budgetMs: number,
  sql: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const client = await pool.connect();
  let usable = false;
  try {
    await client.query(`begin; set local statement_timeout = ${budgetMs}`);
    const { rows } = await client.query(sql, [...values]);
    await client.query('commit');
    usable = true;
    return rows as Row[];
  } catch (error) {
    usable = error instanceof pg.DatabaseError && (await rolledBack(client));
    throw error;
  } finally {
    client.release(!usable);
  }
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  return client.query('rollback').then(
    () => true,
    () => false,
  );
}
