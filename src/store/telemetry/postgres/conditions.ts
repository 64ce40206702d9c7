/** The WHERE of a list, as it grows: conditions with their values as parameters. */
import type { ListQuery } from '../telemetry.js';

export class Conditions {
  private readonly all: string[] = [];

  /** Conditions inside other ones share their values. */
  constructor(readonly values: unknown[] = []) {}

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

const MAX_TIME = 2n ** 63n - 1n;

/** A time range on the item's time. Times past 2^63 − 1 are negative in the table and so before every lower bound. */
export function addRange(conditions: Conditions, column: string, query: ListQuery): void {
  const { fromUnixNano: from, toUnixNano: to } = query;
  if (from !== undefined) conditions.add(`${column} >= ?`, from < MAX_TIME ? from : MAX_TIME);
  if (to !== undefined && to <= MAX_TIME) conditions.add(`${column} < ?`, to);
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
