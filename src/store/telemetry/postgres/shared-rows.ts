/**
 * Resources, scopes and metrics: stored once per workspace, known by a hash of their contents. They are written before the
 * batch, in a transaction of their own: one that nothing refers to yet is harmless, and no batch waits for another's.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Price } from '../../../model/generation.js';
import type { Metric, Resource, Scope } from '../../../model/telemetry.js';
import { encoding } from './copy.js';
import { ExactTexts, readableText } from './json-text.js';

interface Keyed {
  key: string;
}

/** One kind of shared object: how it becomes a row, and which are known to be stored. */
interface SharedTable<Item extends Keyed> {
  name: string;
  columns: readonly string[];
  valuesOf(item: Item, exact: ExactTexts): unknown[];
}

const RESOURCES: SharedTable<Resource> = {
  name: 'resources',
  columns: [
    'service_name text',
    'attributes json',
    'dropped_attributes_count integer',
    'schema_url text',
    'entity_refs json',
  ],
  valuesOf: (resource, exact) => [
    readableText(resource.serviceName),
    exact.readable('attributes', resource.attributes),
    resource.droppedAttributesCount | 0,
    readableText(resource.schemaUrl),
    exact.readable('entity_refs', resource.entityRefs),
  ],
};

const SCOPES: SharedTable<Scope> = {
  name: 'scopes',
  columns: ['name text', 'version text', 'attributes json', 'dropped_attributes_count integer', 'schema_url text'],
  valuesOf: (scope, exact) => [
    readableText(scope.name),
    readableText(scope.version),
    exact.readable('attributes', scope.attributes),
    scope.droppedAttributesCount | 0,
    readableText(scope.schemaUrl),
  ],
};

const METRICS: SharedTable<Metric> = {
  name: 'metrics',
  columns: [
    'name text',
    'description text',
    'unit text',
    'type text',
    'temporality integer',
    'monotonic boolean',
    'metadata json',
  ],
  valuesOf: (metric, exact) => [
    readableText(metric.name),
    readableText(metric.description),
    readableText(metric.unit),
    metric.type,
    metric.temporality | 0,
    metric.monotonic,
    exact.readable('metadata', metric.metadata),
  ],
};

const PRICES: SharedTable<Price> = {
  name: 'generation_prices',
  columns: [
    'key text',
    'source text',
    'version text',
    'provider text',
    'model text',
    'service_tier text',
    'rates json',
  ],
  valuesOf: (price, exact) => [
    readableText(price.key),
    price.source,
    readableText(price.version),
    readableText(price.provider),
    readableText(price.model),
    readableText(price.serviceTier),
    exact.readable('rates', JSON.stringify(price.rates)),
  ],
};

/** Beyond this the memory is emptied: what is stored already is found again at the price of one statement. */
const MAX_KNOWN = 50_000;

class SharedRows<Item extends Keyed> {
  private readonly ids = new Map<string, Map<string, bigint>>();
  private known = 0;
  private fresh: { workspace: string; id: bigint; item: Item }[] = [];
  private latest: { workspace: string; item: Item; id: bigint } | undefined;

  constructor(private readonly table: SharedTable<Item>) {}

  /** Between two stores of fresh rows only. */
  trim(): void {
    if (this.known <= MAX_KNOWN) return;
    this.ids.clear();
    this.latest = undefined;
    this.known = 0;
  }

  /** Neighbours mostly share one object. */
  idOf(workspace: string, item: Item): bigint {
    const { latest } = this;
    if (latest && latest.item === item && latest.workspace === workspace) return latest.id;
    const id = this.find(workspace, item);
    this.latest = { workspace, item, id };
    return id;
  }

  private find(workspace: string, item: Item): bigint {
    const ids = this.idsOf(workspace);
    const known = ids.get(item.key);
    if (known !== undefined) return known;
    const id = createHash('sha256').update(item.key).digest().readBigInt64BE(0);
    ids.set(item.key, id);
    this.known++;
    this.fresh.push({ workspace, id, item });
    return id;
  }

  private idsOf(workspace: string): Map<string, bigint> {
    const known = this.ids.get(workspace);
    if (known) return known;
    const ids = new Map<string, bigint>();
    this.ids.set(workspace, ids);
    return ids;
  }

  /** When it fails, the fresh ones stay fresh. */
  async storeFresh(client: pg.ClientBase): Promise<void> {
    if (this.fresh.length === 0) return;
    await client.query(
      insertOf(this.table),
      encoding(() => this.parameters()),
    );
    this.fresh = [];
  }

  private parameters(): unknown[] {
    const exact = new ExactTexts();
    const rows = this.fresh
      .map(({ workspace, id, item }) => {
        exact.clear();
        const values = this.table.valuesOf(item, exact);
        return [workspace, id, ...values, exact.text() ?? null];
      })
      // In one order for everybody: two writers that insert the same rows then wait for each other in turn, not in a ring.
      .sort((a, b) => compare(a[0] as string, b[0] as string) || compare(a[1] as bigint, b[1] as bigint));
    return rows[0]!.map((_, column) => rows.map((row) => row[column]));
  }
}

function compare<Value extends string | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function insertOf<Item extends Keyed>({ name, columns }: SharedTable<Item>): string {
  const all = ['workspace text', 'id bigint', ...columns, 'exact text'];
  const names = all.map((column) => column.split(' ')[0]);
  const arrays = all.map((column, at) => `$${at + 1}::${column.split(' ')[1]}[]`);
  return `insert into ${name} (${names}) select * from unnest(${arrays}) on conflict do nothing`;
}

export interface Shared {
  resources: SharedRows<Resource>;
  scopes: SharedRows<Scope>;
  metrics: SharedRows<Metric>;
  prices: SharedRows<Price>;
}

/** What one connection has stored or found. */
export function createShared(): Shared {
  return {
    resources: new SharedRows(RESOURCES),
    scopes: new SharedRows(SCOPES),
    metrics: new SharedRows(METRICS),
    prices: new SharedRows(PRICES),
  };
}

export async function storeShared(client: pg.ClientBase, shared: Shared): Promise<void> {
  for (const rows of allOf(shared)) await rows.storeFresh(client);
}

export function trimShared(shared: Shared): void {
  for (const rows of allOf(shared)) rows.trim();
}

function allOf({ resources, scopes, metrics, prices }: Shared) {
  return [resources, scopes, metrics, prices] as const;
}
