/** Lists that are sorted by a column of their table, and then by id: their order, and where a page goes on. */
import { type RawBuilder, sql } from 'kysely';
import { GatewayError } from '../../errors.js';
import type { Keyset, Page } from '../page.js';

export interface Sort<Field extends string = string> {
  field: Field;
  descending: boolean;
}

type Kind = 'number' | 'text';

/** A column by which a list is sorted. Text sorts by its bytes. */
export interface SortColumn {
  sql: RawBuilder<unknown>;
  kind: Kind;
}

export interface Sorting {
  sort: Sort;
  column: SortColumn;
  /** The column that tells equal ones apart. */
  id: SortColumn;
  /** Among equals the newest id comes first. */
  newestFirst: boolean;
}

interface Place {
  value: string | number;
  id: string | number;
}

function nameOf({ field, descending }: Sort): string {
  return descending ? `-${field}` : field;
}

/** A list has a place by its own sort only: it carries the name of it. */
export function keysetOf(sort: Sort, { value, id }: Place): Keyset {
  return { timeUnixNano: 0n, id: JSON.stringify([nameOf(sort), value, id]) };
}

/** VALIDATION_FAILED for a cursor that no answer to this list gave. */
export function foreignPlace(fault: string): GatewayError {
  return new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: [`"cursor" ${fault}`] } });
}

/** Postgres refuses a value of another type than its column's, and text with a NUL. */
function isOf({ kind }: SortColumn, value: unknown): value is string | number {
  return kind === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && !value.includes('\0');
}

/** Throws VALIDATION_FAILED for the place of another sort. Anybody can write a cursor: no value is trusted. */
function placeOf({ sort, column, id: idColumn }: Sorting, keyset: Keyset): Place {
  const [name, value, id] = readArray(keyset.id);
  if (name !== nameOf(sort) || !isOf(column, value) || !isOf(idColumn, id)) {
    throw foreignPlace('is of a list that is sorted otherwise');
  }
  return { value, id };
}

function readArray(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** For ORDER BY. */
export function orderOf({ sort, column, id, newestFirst }: Sorting): RawBuilder<unknown> {
  const direction = (descending: boolean) => sql.raw(descending ? 'desc' : 'asc');
  return sql`${column.sql} ${direction(sort.descending)}, ${id.sql} ${direction(newestFirst)}`;
}

/** For WHERE: what comes after that place. The first comparison alone lets an index begin there. */
export function after(sorting: Sorting, keyset: Keyset): RawBuilder<boolean> {
  const { sort, column, id, newestFirst } = sorting;
  const place = placeOf(sorting, keyset);
  const beyond = (descending: boolean) => sql.raw(descending ? '<' : '>');
  const notBefore = sql`${column.sql} ${sql.raw(sort.descending ? '<=' : '>=')} ${place.value}`;
  const further = sql`${column.sql} ${beyond(sort.descending)} ${place.value}`;
  return sql<boolean>`(${notBefore} and (${further} or ${id.sql} ${beyond(newestFirst)} ${place.id}))`;
}

/** Of `limit + 1` rows: one more than asked for tells whether there is a next page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  { limit, sort, counted }: { limit: number; sort: Sort; counted: Pick<Page<Item>, 'total' | 'totalRelation'> },
  { itemOf, placeOf: place }: { itemOf(row: Row): Item; placeOf(row: Row): Place },
): Page<Item> {
  const some = rows.slice(0, limit);
  const last = rows.length > limit ? some.at(-1) : undefined;
  return { items: some.map(itemOf), ...counted, ...(last && { next: keysetOf(sort, place(last)) }) };
}
