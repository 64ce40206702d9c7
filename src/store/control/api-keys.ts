/** Keys as the database has them: never the key itself, only its hash. */
import { type Insertable, type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import type { DialectFacts } from '../dialect-facts.js';
import type { Keyset, Page } from '../page.js';
import { storable } from './audit-chain.js';
import { type Count, countUpToBound } from './counting.js';
import type { ApiKeyTable, ControlSchema } from './schema.js';
import { after, orderOf, pageOf, type Sort, type SortColumn, type Sorting } from './sorting.js';

export interface ApiKey {
  id: number;
  name: string;
  /** '*' for a master key. */
  workspace: string;
  /** Canonical: known scopes between commas. */
  scopes: string;
  /** Seconds since the epoch, like all times here. */
  createdAt: number;
  expiresAt: number | undefined;
  revokedAt: number | undefined;
  lastUsedAt: number | undefined;
  /** The key that a rotation put in its place. */
  replacedBy: number | undefined;
  /** Until when it is good beside the one that replaced it. */
  graceUntil: number | undefined;
}

export interface NewApiKey {
  keyHash: string;
  name: string;
  workspace: string;
  scopes: string;
  expiresAt: number | undefined;
}

/** Whose keys are seen: one workspace's, or those of all, master keys among them. */
export type Visibility = { workspace: string } | 'all';

export interface ApiKeyFilters {
  visible: Visibility;
  /** '*' for master keys. */
  workspace?: string | undefined;
  /** Exactly. */
  name?: string | undefined;
  /** One that the key has. */
  scope?: string | undefined;
  /** Keys that end after this time, or never; or those that have ended by then. In seconds. */
  goodAt?: number | undefined;
  endedAt?: number | undefined;
}

export const API_KEY_SORTS = ['created_at', 'name'] as const;
export type ApiKeySort = Sort<(typeof API_KEY_SORTS)[number]>;

export interface ApiKeyQuery extends ApiKeyFilters {
  /** Newest first when it is absent. Equal ones always stand in the order of their making. */
  sort?: ApiKeySort;
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface KeyUse {
  id: number;
  usedAt: number;
}

/** A revoked key is seen by nobody but `findByHash` and `findByIds`. */
export interface ApiKeys {
  create(key: NewApiKey, createdAt: number): Promise<ApiKey>;
  list(query: ApiKeyQuery): Promise<Page<ApiKey>>;
  count(filters: ApiKeyFilters): Promise<Count>;
  get(id: number, visible: Visibility): Promise<ApiKey | undefined>;
  findByHash(keyHash: string): Promise<ApiKey | undefined>;
  findByIds(ids: readonly number[]): Promise<ApiKey[]>;
  /** Whether any was ever made. */
  any(): Promise<boolean>;
  /** false when there is no such key, or it was revoked before. */
  revoke(id: number, revokedAt: number): Promise<boolean>;
  /** The ids of a workspace's keys that were good until now. */
  revokeAll(workspace: string, revokedAt: number): Promise<number[]>;
  /** The old key is good until `graceUntil`; false when it was revoked or replaced before. */
  replace(id: number, replacedBy: number, graceUntil: number): Promise<boolean>;
  /** Never moves a time back. */
  touchLastUsed(uses: readonly KeyUse[]): Promise<void>;
}

type Row = Selectable<ApiKeyTable>;
const MAX_IDS_PER_QUERY = 500;
const NEWEST_FIRST: ApiKeySort = { field: 'created_at', descending: true };

export function createApiKeys(db: Kysely<ControlSchema>, facts: DialectFacts): ApiKeys {
  const alive = () => db.selectFrom('api_keys').where('revoked_at', 'is', null);
  const seen = (visible: Visibility) =>
    visible === 'all' ? alive() : alive().where('workspace_id', '=', visible.workspace);
  return {
    async create(key, createdAt) {
      const insert = db.insertInto('api_keys').values(newRow(key, createdAt)).returningAll();
      return fromRow(await insert.executeTakeFirstOrThrow());
    },
    async list(query) {
      const { limit, sort = NEWEST_FIRST } = query;
      const found = () => filtered(seen(query.visible), query);
      const counted = await countUpToBound(db, found());
      const rows = await page(found(), query, columnOf(sort, facts)).selectAll().execute();
      const sorted = (row: Row) => (sort.field === 'name' ? row.name : row.created_at);
      const reading = { itemOf: fromRow, placeOf: (row: Row) => ({ value: sorted(row), id: row.id }) };
      return pageOf<Row, ApiKey>(rows, { limit, sort, counted }, reading);
    },
    count: (filters) => countUpToBound(db, filtered(seen(filters.visible), filters)),
    async get(id, visible) {
      const row = await seen(visible).selectAll().where('id', '=', id).executeTakeFirst();
      return row && fromRow(row);
    },
    async findByHash(keyHash) {
      const row = await db.selectFrom('api_keys').selectAll().where('key_hash', '=', keyHash).executeTakeFirst();
      return row && fromRow(row);
    },
    async findByIds(ids) {
      const found: ApiKey[] = [];
      for (let at = 0; at < ids.length; at += MAX_IDS_PER_QUERY) {
        const some = ids.slice(at, at + MAX_IDS_PER_QUERY);
        const rows = await db.selectFrom('api_keys').selectAll().where('id', 'in', some).execute();
        found.push(...rows.map(fromRow));
      }
      return found;
    },
    async any() {
      return (await db.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) !== undefined;
    },
    async revoke(id, revokedAt) {
      const update = db.updateTable('api_keys').set({ revoked_at: revokedAt }).where('id', '=', id);
      return (await update.where('revoked_at', 'is', null).executeTakeFirst()).numUpdatedRows > 0n;
    },
    async revokeAll(workspace, revokedAt) {
      const update = db.updateTable('api_keys').set({ revoked_at: revokedAt }).where('workspace_id', '=', workspace);
      const rows = await update.where('revoked_at', 'is', null).returning('id').execute();
      return rows.map(({ id }) => id);
    },
    async replace(id, replacedBy, graceUntil) {
      const update = db.updateTable('api_keys').set({ replaced_by: replacedBy, grace_until: graceUntil });
      const open = update.where('id', '=', id).where('revoked_at', 'is', null).where('replaced_by', 'is', null);
      return (await open.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async touchLastUsed(uses) {
      for (const [usedAt, ids] of bySecond(uses)) await touch(db, ids, usedAt);
    },
  };
}

function newRow(key: NewApiKey, createdAt: number): Insertable<ApiKeyTable> {
  return {
    key_hash: key.keyHash,
    name: key.name,
    workspace_id: key.workspace,
    scopes: key.scopes,
    created_at: createdAt,
    expires_at: key.expiresAt ?? null,
  };
}

function fromRow(row: Row): ApiKey {
  return {
    id: row.id,
    name: row.name,
    workspace: row.workspace_id,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    replacedBy: row.replaced_by ?? undefined,
    graceUntil: row.grace_until ?? undefined,
  };
}

type KeySelection = SelectQueryBuilder<ControlSchema, 'api_keys', object>;

/** When a key ends: at its expiry, or at the end of the grace that a rotation left it, whichever is earlier. */
const END = sql<
  number | null
>`case when expires_at is null or grace_until < expires_at then coalesce(grace_until, expires_at)
  else expires_at end`;

function filtered(rows: KeySelection, { workspace, name, scope, goodAt, endedAt }: ApiKeyFilters): KeySelection {
  let some = rows;
  if (workspace !== undefined) some = some.where('workspace_id', '=', workspace);
  if (name !== undefined) some = some.where('name', '=', storable(name));
  if (scope !== undefined) some = some.where(sql<boolean>`',' || scopes || ',' like ${`%,${scope},%`}`);
  if (goodAt !== undefined) some = some.where(sql<boolean>`coalesce(${END} >= ${goodAt}, true)`);
  if (endedAt !== undefined) some = some.where(sql<boolean>`${END} < ${endedAt}`);
  return some;
}

const ID: SortColumn = { sql: sql.ref('id'), kind: 'number' };

function columnOf({ field }: ApiKeySort, { byBytes }: DialectFacts): SortColumn {
  if (field === 'name') return { sql: sql`name ${sql.raw(byBytes)}`, kind: 'text' };
  return { sql: sql.ref('created_at'), kind: 'number' };
}

function page(rows: KeySelection, query: ApiKeyQuery, column: SortColumn): KeySelection {
  const { sort = NEWEST_FIRST, limit, offset = 0, after: place } = query;
  const sorting: Sorting = { sort, column, id: ID, newestFirst: false };
  const ordered = rows.orderBy(orderOf(sorting)).limit(limit + 1);
  return place ? ordered.where(after(sorting, place)) : ordered.offset(offset);
}

function bySecond(uses: readonly KeyUse[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const { id, usedAt } of uses) {
    const ids = groups.get(usedAt);
    if (ids) ids.push(id);
    else groups.set(usedAt, [id]);
  }
  return groups;
}

async function touch(db: Kysely<ControlSchema>, ids: readonly number[], usedAt: number): Promise<void> {
  for (let at = 0; at < ids.length; at += MAX_IDS_PER_QUERY) {
    const some = ids.slice(at, at + MAX_IDS_PER_QUERY);
    const update = db.updateTable('api_keys').set({ last_used_at: usedAt }).where('id', 'in', some);
    await update.where((e) => e.or([e('last_used_at', 'is', null), e('last_used_at', '<', usedAt)])).execute();
  }
}
