/** A workspace's own prices of models, which go before the published ones. */
import { type Insertable, type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import type { Price } from '../../model/generation.js';
import type { DialectFacts } from '../dialect-facts.js';
import type { Keyset, Page } from '../page.js';
import { storable } from './audit-chain.js';
import { type Count, countUpToBound } from './counting.js';
import type { ControlSchema, PriceTable } from './schema.js';
import { after, orderOf, pageOf, type Sort, type SortColumn, type Sorting } from './sorting.js';

/** USD per million tokens, as decimals. */
export type Rates = Price['rates'];

/** What tells a workspace's prices apart. */
export interface PriceKey {
  workspace: string;
  /** In lower case; `*` stands for any characters. */
  pattern: string;
  /** '' for any. */
  provider: string;
  /** '' for any. */
  serviceTier: string;
  /** Inclusive; 0: ever since. */
  validFromUnixMs: number;
}

/** Plain data, which goes to the writer threads. */
export interface OwnPrice extends PriceKey {
  id: number;
  /** 1, 2, 3, … with each change of the rates. */
  revision: number;
  rates: Rates;
  createdTimeUnixMs: number;
  updatedTimeUnixMs: number;
}

export interface PriceFilters {
  workspace: string;
  pattern?: string | undefined;
  provider?: string | undefined;
  serviceTier?: string | undefined;
}

export const PRICE_SORTS = ['created_at', 'model_pattern'] as const;
export type PriceSort = Sort<(typeof PRICE_SORTS)[number]>;

export interface PriceQuery extends PriceFilters {
  sort: PriceSort;
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface Prices {
  find(key: PriceKey): Promise<OwnPrice | undefined>;
  get(workspace: string, id: number): Promise<OwnPrice | undefined>;
  /** Makes it, or gives it other rates; the same rates change nothing. */
  put(key: PriceKey, rates: Rates, nowUnixMs: number): Promise<OwnPrice>;
  /** false when there is none. */
  remove(workspace: string, id: number): Promise<boolean>;
  /** How many there were. */
  removeAll(workspace: string): Promise<number>;
  list(query: PriceQuery): Promise<Page<OwnPrice>>;
  count(filters: PriceFilters): Promise<Count>;
  /** Of one workspace. */
  allOf(workspace: string): Promise<OwnPrice[]>;
  /** Of all workspaces, in the order of their ids. */
  all(): Promise<OwnPrice[]>;
  /** Another one after any change of any workspace's. */
  fingerprint(): Promise<string>;
}

type Row = Selectable<PriceTable>;
type Selection = SelectQueryBuilder<ControlSchema, 'prices', object>;

export function createPrices(db: Kysely<ControlSchema>, { byBytes }: DialectFacts): Prices {
  const of = (workspace: string) => db.selectFrom('prices').where('workspace_id', '=', workspace);
  const count = (filters: PriceFilters) => countUpToBound(db, select(db, filters));
  return {
    async find(key) {
      const { pattern, provider, serviceTier } = key;
      const some = select(db, { workspace: key.workspace, pattern, provider, serviceTier });
      const row = await some.selectAll().where('valid_from_unix_ms', '=', key.validFromUnixMs).executeTakeFirst();
      return row && fromRow(row);
    },
    async get(workspace, id) {
      const row = await of(workspace).selectAll().where('id', '=', id).executeTakeFirst();
      return row && fromRow(row);
    },
    async put(key, rates, nowUnixMs) {
      return fromRow(await upsert(db, newRow(key, rates, nowUnixMs)));
    },
    async remove(workspace, id) {
      const deletion = db.deleteFrom('prices').where('workspace_id', '=', workspace).where('id', '=', id);
      return (await deletion.executeTakeFirst()).numDeletedRows > 0n;
    },
    async removeAll(workspace) {
      const deletion = db.deleteFrom('prices').where('workspace_id', '=', workspace);
      return Number((await deletion.executeTakeFirst()).numDeletedRows);
    },
    count,
    async list(query) {
      const { limit, sort } = query;
      const counted = await count(query);
      const rows = await page(select(db, query), query, columnOf(sort, byBytes)).selectAll().execute();
      const sorted = (row: Row) => (sort.field === 'created_at' ? row.created_time_unix_ms : row.pattern);
      const reading = { itemOf: fromRow, placeOf: (row: Row) => ({ value: sorted(row), id: row.id }) };
      return pageOf<Row, OwnPrice>(rows, { limit, sort, counted }, reading);
    },
    async allOf(workspace) {
      return (await of(workspace).selectAll().orderBy('id').execute()).map(fromRow);
    },
    async all() {
      return (await db.selectFrom('prices').selectAll().orderBy('id').execute()).map(fromRow);
    },
    async fingerprint() {
      // Ids are given once, and revisions only grow: what comes, goes or changes moves one of the three.
      const sums = db
        .selectFrom('prices')
        .select((e) => [
          e.fn.countAll<number>().as('rows'),
          e.fn.max('id').as('latest'),
          sql<number>`cast(sum(revision) as ${sql.raw('bigint')})`.as('revisions'),
        ]);
      const { rows, latest, revisions } = await sums.executeTakeFirstOrThrow();
      return `${rows}:${latest ?? 0}:${revisions ?? 0}`;
    },
  };
}

function upsert(db: Kysely<ControlSchema>, row: Insertable<PriceTable>): Promise<Row> {
  const changed = sql<boolean>`prices.rates <> excluded.rates`;
  return db
    .insertInto('prices')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['workspace_id', 'pattern', 'provider', 'service_tier', 'valid_from_unix_ms']).doUpdateSet({
        revision: sql<number>`prices.revision + case when ${changed} then 1 else 0 end`,
        updated_time_unix_ms: sql<number>`case when ${changed} then excluded.updated_time_unix_ms
          else prices.updated_time_unix_ms end`,
        rates: sql<string>`excluded.rates`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

function newRow(key: PriceKey, rates: Rates, nowUnixMs: number): Insertable<PriceTable> {
  return {
    workspace_id: key.workspace,
    pattern: storable(key.pattern),
    provider: storable(key.provider),
    service_tier: storable(key.serviceTier),
    valid_from_unix_ms: key.validFromUnixMs,
    rates: JSON.stringify(rates, Object.keys(rates).sort()),
    revision: 1,
    created_time_unix_ms: nowUnixMs,
    updated_time_unix_ms: nowUnixMs,
  };
}

function fromRow(row: Row): OwnPrice {
  return {
    id: row.id,
    workspace: row.workspace_id,
    pattern: row.pattern,
    provider: row.provider,
    serviceTier: row.service_tier,
    validFromUnixMs: row.valid_from_unix_ms,
    rates: JSON.parse(row.rates) as Rates,
    revision: row.revision,
    createdTimeUnixMs: row.created_time_unix_ms,
    updatedTimeUnixMs: row.updated_time_unix_ms,
  };
}

function select(db: Kysely<ControlSchema>, { workspace, pattern, provider, serviceTier }: PriceFilters): Selection {
  let rows = db.selectFrom('prices').where('workspace_id', '=', workspace);
  if (pattern !== undefined) rows = rows.where('pattern', '=', storable(pattern));
  if (provider !== undefined) rows = rows.where('provider', '=', storable(provider));
  if (serviceTier !== undefined) rows = rows.where('service_tier', '=', storable(serviceTier));
  return rows;
}

const ID: SortColumn = { sql: sql.ref('id'), kind: 'number' };

function columnOf({ field }: PriceSort, byBytes: string): SortColumn {
  if (field === 'model_pattern') return { sql: sql`pattern ${sql.raw(byBytes)}`, kind: 'text' };
  return { sql: sql.ref('created_time_unix_ms'), kind: 'number' };
}

function page(rows: Selection, query: PriceQuery, column: SortColumn): Selection {
  const { sort, limit, offset = 0, after: place } = query;
  const sorting: Sorting = { sort, column, id: ID, newestFirst: sort.descending };
  const ordered = rows.orderBy(orderOf(sorting)).limit(limit + 1);
  return place ? ordered.where(after(sorting, place)) : ordered.offset(offset);
}
