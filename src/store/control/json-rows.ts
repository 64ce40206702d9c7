/**
 * Many values as one parameter of JSON text: a parameter for each costs more on its way to the database (SQLite's is
 * another thread) than all that the database does with it.
 */
import { type RawBuilder, sql } from 'kysely';
import type { DialectFacts } from '../dialect-facts.js';

export type JsonColumns = Readonly<Record<string, 'text' | 'integer'>>;

/** A SELECT of these columns over rows whose values stand in the columns' order. */
export function jsonRows(
  facts: DialectFacts,
  columns: JsonColumns,
  rows: readonly (readonly unknown[])[],
): RawBuilder<unknown> {
  const cells = Object.values(columns).map((type, at) => {
    const text = sql`item.value->>${sql.lit(at)}`;
    return type === 'integer' ? sql`cast(${text} as ${sql.raw(facts.integer)})` : text;
  });
  return sql`select ${sql.join(cells)} from ${itemsOf(facts, rows)}`;
}

/** A SELECT of one column of text. */
export function jsonTexts(facts: DialectFacts, texts: readonly string[]): RawBuilder<unknown> {
  return sql`select item.value->>0 from ${itemsOf(
    facts,
    texts.map((text) => [text]),
  )}`;
}

function itemsOf({ jsonItemsFunction }: DialectFacts, items: readonly unknown[]): RawBuilder<unknown> {
  return sql`${sql.raw(jsonItemsFunction)}(${JSON.stringify(items)}) as item`;
}
