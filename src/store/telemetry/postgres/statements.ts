/** Several statements in one round trip: their values stand in their text, since only one can have parameters. */
import type pg from 'pg';
import { readableJson } from './json-text.js';

/** One result for each statement. They run in turn, each on what was committed when it begins; the first error ends all. */
export async function runTogether(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<pg.QueryResult<Record<string, unknown>>[]> {
  const results: unknown = await client.query(statements.join(';\n'));
  return (Array.isArray(results) ? results : [results]) as pg.QueryResult<Record<string, unknown>>[];
}

/** As `pg.escapeLiteral`, which goes by single characters: these are megabytes. */
export function literalOf(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/**
 * A FROM item of these rows, in their order, as JSON; `columns` is their definition in SQL. A bigint goes as text. What
 * Postgres could not read becomes U+FFFD.
 */
export function rowsOf(name: string, columns: string, rows: readonly object[]): string {
  const json = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
  return `json_to_recordset(${literalOf(readableJson(json))}) as ${name}(${columns})`;
}

/**
 * For the rest of the transaction: rows that are named by their ids are looked up. A planner that knows nothing of a day
 * thinks of reading all of it instead; so every such statement names the trace ids beside its join with what it is given.
 */
export const BY_INDEX = 'set local enable_seqscan = off';
