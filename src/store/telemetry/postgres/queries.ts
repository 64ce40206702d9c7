import pg from 'pg';
import { fromPostgres, hasSqlState } from '../../postgres/errors.js';

/** Statements over a pool; reject with STORE_UNAVAILABLE or QUERY_TIMEOUT. */
export interface Queries {
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /**
   * For a slice of a list that an index keeps in order: no plan that gathers and sorts all that is left of the list. A
   * planner whose statistics are of yesterday, or none, takes a day of millions of rows for one of dozens.
   */
  rowsInOrder<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** Statements of one moment: they see what was committed when the first of them began. */
  inOneState<Result>(work: (rows: Queries['rows']) => Promise<Result>): Promise<Result>;
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
    async rowsInOrder<Row extends object>(sql: string, values: readonly unknown[]) {
      try {
        return await withSettings<Row>(pool, IN_ORDER, sql, values);
      } catch (error) {
        throw fromPostgres(error);
      }
    },
    async inOneState<Result>(work: (rows: Queries['rows']) => Promise<Result>) {
      try {
        return await inTransaction(pool, 'begin isolation level repeatable read, read only', (client) =>
          work(async <Row extends object>(sql: string, values: readonly unknown[] = []) => {
            const { rows } = await client.query(sql, [...values]);
            return rows as Row[];
          }),
        );
      } catch (error) {
        throw fromPostgres(error);
      }
    },
    async rowsWithin<Row extends object>(budgetMs: number, sql: string, values: readonly unknown[]) {
      try {
        return await withSettings<Row>(pool, `set local statement_timeout = ${budgetMs}`, sql, values);
      } catch (error) {
        if (hasSqlState(error, QUERY_CANCELED)) return undefined;
        throw fromPostgres(error);
      }
    },
  };
}

const QUERY_CANCELED = '57014';
const IN_ORDER = 'set local enable_sort = off; set local enable_bitmapscan = off; set local enable_seqscan = off';

function withSettings<Row extends object>(
  pool: pg.Pool,
  settings: string,
  sql: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return inTransaction(pool, `begin; ${settings}`, async (client) => {
    const { rows } = await client.query(sql, [...values]);
    return rows as Row[];
  });
}

async function inTransaction<Result>(
  pool: pg.Pool,
  beginning: string,
  work: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let usable = false;
  try {
    await client.query(beginning);
    const result = await work(client);
    await client.query('commit');
    usable = true;
    return result;
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
