/**
 * The audit log: one row for each mutation, in a chain of hashes per workspace. Written in the transaction of what it
 * tells of.
 */
import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import type { AuditEntry } from '../../model/audit-entry.js';
import type { DialectFacts } from '../dialect-facts.js';
import type { Keyset, Page } from '../page.js';
import { type AuditRow, CHAIN_START, type ChainEnd, faultOf, link, storable } from './audit-chain.js';
import { type Count, countUpToBound } from './counting.js';
import { type JsonColumns, jsonRows, jsonTexts } from './json-rows.js';
import type { AuditLogTable, ControlSchema } from './schema.js';
import { foreignPlace } from './sorting.js';

export interface AuditLog extends AuditEntry {
  id: number;
  /** 1, 2, 3, … in its workspace, without a gap. */
  sequence: number;
  details: Readonly<Record<string, unknown>>;
  prevHash: string;
  hash: string;
}

export interface AuditFilters {
  workspace: string;
  /** Inclusive. */
  fromUnixMs?: number | undefined;
  /** Exclusive. */
  toUnixMs?: number | undefined;
  action?: string | undefined;
  keyId?: number | undefined;
  keyName?: string | undefined;
  targetId?: string | undefined;
}

export interface AuditQuery extends AuditFilters {
  /** By time: newest first when it is absent. */
  order?: 'asc' | 'desc' | undefined;
  limit: number;
  offset?: number;
  /** Its time is the event's, in nanoseconds as everywhere. */
  after?: Keyset;
}

export type Verification = {
  /** Rows that were read and found right. */
  checked: number;
  /** The end of the chain: note it elsewhere, and a chain that is made anew in whole can be told, too. */
  head: { sequence: number; hash: string };
} & (
  | { ok: true }
  /** `firstBadId` is undefined when the rows at the end are missing. */
  | { ok: false; firstBadId: number | undefined; firstBadSequence: number; reason: 'changed' | 'missing' }
);

export interface AuditLogs {
  /** Call it in the transaction of the mutation, as its last statement: the chain of the workspace waits for its end. */
  append(entry: AuditEntry): Promise<void>;
  /** Many at once, at the price of one; those whose `source` is there already are left out. */
  appendAll(entries: readonly AuditEntry[]): Promise<void>;
  list(query: AuditQuery): Promise<Page<AuditLog>>;
  count(filters: AuditFilters): Promise<Count>;
  /** Oldest event first, in pages; what is written after the call began is not among them. */
  stream(filters: AuditFilters): AsyncIterable<AuditLog[]>;
  verify(workspace: string): Promise<Verification>;
}

type Database = Kysely<ControlSchema>;
type Row = Selectable<AuditLogTable>;

const ROWS_PER_READ = 500;
const NANO_PER_MS = 1_000_000n;

export function createAuditLogs(db: Database, facts: DialectFacts): AuditLogs {
  const inTransaction = <Result>(work: (transaction: Database) => Promise<Result>) =>
    db.isTransaction ? work(db) : db.transaction().execute(work);
  const appendAll = (entries: readonly AuditEntry[]) =>
    inTransaction(async (transaction) => {
      for (const [workspace, group] of byWorkspace(entries)) await appendTo(transaction, facts, workspace, group);
    });
  const count = (filters: AuditFilters) =>
    isUnfiltered(filters) ? countAll(db, filters) : countUpToBound(db, select(db, filters));
  return {
    append: (entry) => appendAll([entry]),
    appendAll,
    count,
    async list(query) {
      const { limit } = query;
      const counted = await count(query);
      const rows = page(select(db, query), query).limit(limit + 1);
      return pageOf(await rows.selectAll().execute(), limit, counted);
    },
    stream: (filters) => streamPages(db, filters),
    verify: (workspace) => verifyChain(db, workspace),
  };
}

/** In one order for all: two transactions never wait for each other's chains. */
function byWorkspace(entries: readonly AuditEntry[]): [string, AuditEntry[]][] {
  const groups = new Map<string, AuditEntry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.workspace);
    if (group) group.push(entry);
    else groups.set(entry.workspace, [entry]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function appendTo(
  db: Database,
  facts: DialectFacts,
  workspace: string,
  entries: readonly AuditEntry[],
): Promise<void> {
  let end = await holdChain(db, workspace);
  const fresh = await withoutApplied(db, facts, entries);
  if (fresh.length === 0) return;
  const rows = fresh.map((entry) => {
    const row = link(end, entry);
    end = row;
    return row;
  });
  await insertRows(db, facts, rows);
  const { sequence, hash } = end;
  await db.updateTable('audit_chains').set({ sequence, hash }).where('workspace_id', '=', workspace).execute();
}

const COLUMNS = {
  workspace_id: 'text',
  sequence: 'integer',
  time_unix_ms: 'integer',
  action: 'text',
  target_id: 'text',
  prompt_name: 'text',
  version_tag: 'text',
  api_key_id: 'integer',
  api_key_name: 'text',
  ip_address: 'text',
  request_id: 'text',
  details: 'text',
  source: 'text',
  prev_hash: 'text',
  hash: 'text',
} as const satisfies JsonColumns & Record<keyof AuditRow, string>;
const COLUMN_NAMES = Object.keys(COLUMNS) as (keyof AuditRow)[];

async function insertRows(db: Database, facts: DialectFacts, rows: readonly AuditRow[]): Promise<void> {
  const values = rows.map((row) => COLUMN_NAMES.map((name) => row[name]));
  const columns = sql.join(COLUMN_NAMES.map((name) => sql.ref(name)));
  await sql`insert into audit_logs (${columns}) ${jsonRows(facts, COLUMNS, values)}`.execute(db);
}

/** The write takes the row's lock until the transaction ends; on SQLite there is one transaction at a time anyway. */
async function holdChain(db: Database, workspace: string): Promise<ChainEnd> {
  const insert = db.insertInto('audit_chains').values({ workspace_id: workspace, ...CHAIN_START });
  const unchanged = sql<number>`audit_chains.sequence`;
  return insert
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet({ sequence: unchanged }))
    .returning(['sequence', 'hash'])
    .executeTakeFirstOrThrow();
}

async function withoutApplied(
  db: Database,
  facts: DialectFacts,
  entries: readonly AuditEntry[],
): Promise<AuditEntry[]> {
  const applied = new Set<string>();
  const sources = entries.flatMap(({ source }) => source ?? []);
  if (sources.length > 0) {
    const given = sql<string>`(${jsonTexts(facts, sources)})`;
    const found = db.selectFrom('audit_logs').select('source').where('source', 'in', given);
    for (const { source } of await found.execute()) applied.add(source!);
  }
  // Twice in one call counts as twice, too.
  return entries.filter(({ source }) => {
    if (source === undefined) return true;
    return !applied.has(source) && applied.add(source);
  });
}

type Selection = SelectQueryBuilder<ControlSchema, 'audit_logs', object>;

function select(db: Database, filters: AuditFilters): Selection {
  const { workspace, fromUnixMs, toUnixMs, action, keyId, keyName, targetId } = filters;
  let rows = db.selectFrom('audit_logs').where('workspace_id', '=', workspace);
  if (fromUnixMs !== undefined) rows = rows.where('time_unix_ms', '>=', fromUnixMs);
  if (toUnixMs !== undefined) rows = rows.where('time_unix_ms', '<', toUnixMs);
  if (action !== undefined) rows = rows.where('action', '=', storable(action));
  if (keyId !== undefined) rows = rows.where('api_key_id', '=', keyId);
  if (keyName !== undefined) rows = rows.where('api_key_name', '=', storable(keyName));
  if (targetId !== undefined) rows = rows.where('target_id', '=', storable(targetId));
  return rows;
}

/** Anybody can write a cursor. */
function rowIdOf({ id }: Keyset): number {
  if (!/^\d{1,15}$/.test(id)) throw foreignPlace('must be the nextCursor of an answer to this endpoint');
  return Number(id);
}

function page(rows: Selection, { order = 'desc', offset = 0, after }: AuditQuery): Selection {
  const ordered = rows.orderBy('time_unix_ms', order).orderBy('id', order);
  if (!after) return ordered.offset(offset);
  const timeUnixMs = Number(after.timeUnixNano / NANO_PER_MS);
  const beyond = sql.raw(order === 'asc' ? '>' : '<');
  return ordered.where(sql<boolean>`(time_unix_ms, id) ${beyond} (${timeUnixMs}, ${rowIdOf(after)})`);
}

function isUnfiltered({ fromUnixMs, toUnixMs, action, keyId, keyName, targetId }: AuditFilters): boolean {
  return [fromUnixMs, toUnixMs, action, keyId, keyName, targetId].every((filter) => filter === undefined);
}

/** The chain has counted them already. */
async function countAll(db: Database, { workspace }: AuditFilters): Promise<Count> {
  return { total: (await chainEnd(db, workspace)).sequence, totalRelation: 'eq' };
}

function pageOf(rows: readonly Row[], limit: number, counted: Count): Page<AuditLog> {
  const items = rows.slice(0, limit).map(fromRow);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const next = last && { timeUnixNano: BigInt(last.timeUnixMs) * NANO_PER_MS, id: String(last.id) };
  return { items, ...counted, ...(next && { next }) };
}

function fromRow(row: Row): AuditLog {
  return {
    id: row.id,
    workspace: row.workspace_id,
    sequence: row.sequence,
    timeUnixMs: row.time_unix_ms,
    action: row.action,
    targetId: row.target_id ?? undefined,
    promptName: row.prompt_name ?? undefined,
    versionTag: row.version_tag ?? undefined,
    keyId: row.api_key_id ?? undefined,
    keyName: row.api_key_name,
    ip: row.ip_address ?? undefined,
    requestId: row.request_id ?? undefined,
    details: readDetails(row.details),
    source: row.source ?? undefined,
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}

/** Whoever broke a row must not break the list that shows it. */
function readDetails(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { unreadable: text };
  }
}

async function chainEnd(db: Database, workspace: string): Promise<ChainEnd> {
  const end = db.selectFrom('audit_chains').select(['sequence', 'hash']).where('workspace_id', '=', workspace);
  return (await end.executeTakeFirst()) ?? CHAIN_START;
}

async function* streamPages(db: Database, filters: AuditFilters): AsyncGenerator<AuditLog[]> {
  const end = await chainEnd(db, filters.workspace);
  const rows = select(db, filters).where('sequence', '<=', end.sequence);
  const ordered = rows.orderBy('time_unix_ms').orderBy('id').limit(ROWS_PER_READ).selectAll();
  let last: Row | undefined;
  do {
    const following = last && sql<boolean>`(time_unix_ms, id) > (${last.time_unix_ms}, ${last.id})`;
    const some = await (following ? ordered.where(following) : ordered).execute();
    if (some.length > 0) yield some.map(fromRow);
    last = some.length === ROWS_PER_READ ? some.at(-1) : undefined;
  } while (last);
}

async function verifyChain(db: Database, workspace: string): Promise<Verification> {
  const head = await chainEnd(db, workspace);
  let end: ChainEnd = CHAIN_START;
  for (;;) {
    const rows = await rowsAfter(db, workspace, end, head);
    for (const row of rows) {
      const reason = faultOf(end, row);
      if (reason) return bad(head, end, row.id, reason);
      end = row;
    }
    if (rows.length < ROWS_PER_READ) break;
  }
  if (end.sequence !== head.sequence) return bad(head, end, undefined, 'missing');
  if (end.hash !== head.hash) return bad(head, end, undefined, 'changed');
  const beyond = await rowBeyondEnd(db, workspace);
  if (beyond !== undefined) return bad(head, end, beyond, 'changed');
  return { ok: true, checked: end.sequence, head: { sequence: head.sequence, hash: head.hash } };
}

/** Up to the end that was read first: what is appended meanwhile is for the next verification. */
function rowsAfter(db: Database, workspace: string, end: ChainEnd, head: ChainEnd): Promise<Row[]> {
  const rows = db.selectFrom('audit_logs').selectAll().where('workspace_id', '=', workspace);
  const within = rows.where('sequence', '>', end.sequence).where('sequence', '<=', head.sequence);
  return within.orderBy('sequence').limit(ROWS_PER_READ).execute();
}

/** One statement sees one moment, in which no row stands beyond the end of its chain, unless that end was moved back. */
async function rowBeyondEnd(db: Database, workspace: string): Promise<number | undefined> {
  const rows = db.selectFrom('audit_logs').select('id').where('workspace_id', '=', workspace);
  const end = sql<number>`coalesce((select sequence from audit_chains where workspace_id = ${workspace}), 0)`;
  return (await rows.where('sequence', '>', end).orderBy('sequence').limit(1).executeTakeFirst())?.id;
}

function bad(
  head: ChainEnd,
  end: ChainEnd,
  firstBadId: number | undefined,
  reason: 'changed' | 'missing',
): Verification {
  const { sequence, hash } = head;
  return {
    ok: false,
    checked: end.sequence,
    firstBadId,
    firstBadSequence: end.sequence + 1,
    reason,
    head: { sequence, hash },
  };
}
