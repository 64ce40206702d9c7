import type pg from 'pg';
import { fromPostgres } from '../../postgres/errors.js';

/** Runs one statement; rejects with STORE_UNAVAILABLE or QUERY_TIMEOUT. */
export type Query = <Row extends object>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

export function queryOver(pool: pg.Pool): Query {
  return async <Row extends object>(sql: string, values: readonly unknown[] = []) => {
    try {
      const { rows } = await pool.query(sql, [...values]);
      return rows as Row[];
    } catch (error) {
      throw fromPostgres(error);
    }
  };
}
