/** Lists that are sorted by a column of their table, and then by id: their order, and where a page goes on. */
import { type RawBuilder, sql } from 'kysely';
import { GatewayError } from '../../errors.js';
import type { Keyset, Page } from '../telemetry/telemetry.js';

export interface Sort<Field extends string = string> {
  field: Field;
  descending: boolean;
}

export interface Sorting {
  sort: Sort;
  /** The column of the field, of numbers or of text that sorts by its bytes. */
  column: RawBuilder<unknown>;
  /** The column that tells equal ones apart. */
  id: RawBuilder<unknown>;
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

function otherSort(): GatewayError {
  const fields = ['"cursor" is of a list that is sorted otherwise'];
  return new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields } });
}

const isValue = (value: unknown): value is string | number => typeof value === 'string' || Number.isSafeInteger(value);

/** Throws VALIDATION_FAILED for the place of another sort. */
function placeOf(sort: Sort, keyset: Keyset): Place {
  const [name, value, id] = readArray(keyset.id);
  if (name !== nameOf(sort) || !isValue(value) || !isValue(id)) throw otherSort();
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
  return sql`${column} ${direction(sort.descending)}, ${id} ${direction(newestFirst)}`;
}

/** For WHERE: what comes after that place. The first comparison alone lets an index begin there. */
export function after({ sort, column, id, newestFirst }: Sorting, keyset: Keyset): RawBuilder<boolean> {
  const place = placeOf(sort, keyset);
  const beyond = (descending: boolean) => sql.raw(descending ? '<' : '>');
  const notBefore = sql`${column} ${sql.raw(sort.descending ? '<=' : '>=')} ${place.value}`;
  const further = sql`${column} ${beyond(sort.descending)} ${place.value}`;
  return sql<boolean>`(${notBefore} and (${further} or ${id} ${beyond(newestFirst)} ${place.id}))`;
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
