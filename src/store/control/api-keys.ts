/** Keys as the database has them: never the key itself, only its hash. */
import type { Insertable, Kysely, Selectable, SelectQueryBuilder } from 'kysely';
import type { Keyset, Page } from '../telemetry/telemetry.js';
import type { ApiKeyTable, ControlSchema } from './schema.js';

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

export interface ApiKeyQuery {
  visible: Visibility;
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
  /** Newest first; those of one second in the order of their making. */
  list(query: ApiKeyQuery): Promise<Page<ApiKey>>;
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
const NANO_PER_SECOND = 1_000_000_000n;

export function createApiKeys(db: Kysely<ControlSchema>): ApiKeys {
  const alive = () => db.selectFrom('api_keys').where('revoked_at', 'is', null);
  const seen = (visible: Visibility) =>
    visible === 'all' ? alive() : alive().where('workspace_id', '=', visible.workspace);
  return {
    async create(key, createdAt) {
      const insert = db.insertInto('api_keys').values(newRow(key, createdAt)).returningAll();
      return fromRow(await insert.executeTakeFirstOrThrow());
    },
    async list(query) {
      const counted = seen(query.visible).select((e) => e.fn.countAll<number>().as('total'));
      const { total } = await counted.executeTakeFirstOrThrow();
      const rows = await page(seen(query.visible), query).selectAll().execute();
      return pageOf(rows, query.limit, Number(total));
    },
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

/** One row more than asked for tells whether there is a next page. */
function page(selection: KeySelection, { limit, offset = 0, after }: ApiKeyQuery): KeySelection {
  const ordered = selection
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit + 1);
  if (!after) return ordered.offset(offset);
  const createdAt = Number(after.timeUnixNano / NANO_PER_SECOND);
  return ordered.where((e) =>
    e.or([
      e('created_at', '<', createdAt),
      e.and([e('created_at', '=', createdAt), e('id', '>', Number(after.id) || 0)]),
    ]),
  );
}

function pageOf(rows: readonly Row[], limit: number, total: number): Page<ApiKey> {
  const items = rows.slice(0, limit).map(fromRow);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items,
    total,
    totalRelation: 'eq',
    ...(last && { next: { timeUnixNano: BigInt(last.createdAt) * NANO_PER_SECOND, id: String(last.id) } }),
  };
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
