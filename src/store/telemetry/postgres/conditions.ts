/** The WHERE of a list, as it grows: conditions with their values as parameters. */
import type { Keyset, ListQuery, Page } from '../telemetry.js';
import { signed } from './time.js';

export class Conditions {
  readonly values: unknown[] = [];
  private readonly all: string[] = [];

  /** `?` stands for the values, in order. */
  add(condition: string, ...values: unknown[]): void {
    let next = 0;
    this.all.push(condition.replaceAll('?', () => this.value(values[next++])));
  }

  /** The placeholder of a value. */
  value(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  get sql(): string {
    return this.all.join('\n and ');
  }
}

/** A time range on the item's time. */
export function addRange(conditions: Conditions, column: string, query: ListQuery): void {
  if (query.fromUnixNano !== undefined) conditions.add(`${column} >= ?`, signed(query.fromUnixNano));
  if (query.toUnixNano !== undefined) conditions.add(`${column} < ?`, signed(query.toUnixNano));
}

/** What follows a position, newest first and ties by the tie-break; written so that the index finds the place. */
export function addAfter(
  conditions: Conditions,
  columns: { time: string; tie: string; type: string },
  after: Keyset,
): void {
  const time = signed(after.timeUnixNano);
  conditions.add(
    `${columns.time} <= ? and (${columns.time} < ? or ${columns.tie} > ?::${columns.type})`,
    time,
    time,
    after.id,
  );
}

/** Attributes on the record itself or on its resource. `->>` gives a string's value, and the JSON text of what is none. */
export function addAttributes(conditions: Conditions, record: string, { workspace, attributes }: ListQuery): void {
  for (const { key, value } of attributes ?? []) {
    conditions.add(
      `(${record}.attributes ->> ? = ? or ${record}.resource_id in
        (select id from resources where workspace = ? and attributes ->> ? = ?))`,
      key,
      value,
      workspace,
      key,
      value,
    );
  }
}

export function addService(conditions: Conditions, record: string, { workspace, service }: ListQuery): void {
  if (service === undefined) return;
  conditions.add(
    `${record}.resource_id in (select id from resources where workspace = ? and service_name = ?)`,
    workspace,
    service,
  );
}

/** Rows are counted up to here: beyond, nobody reads the number, and counting would cost more than the page. */
const MAX_COUNTED = 10_000;

/** One more than is counted tells that there are more. */
export function countOf(from: string): string {
  return `select count(*)::int as total from (select 1 ${from} limit ${MAX_COUNTED + 1}) as counted`;
}

export function totalOf(counted: number): Pick<Page<never>, 'total' | 'totalRelation'> {
  if (counted > MAX_COUNTED) return { total: MAX_COUNTED, totalRelation: 'gte' };
  return { total: counted, totalRelation: 'eq' };
}
