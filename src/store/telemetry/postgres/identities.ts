/** Reading sessions and users: their sums as they were kept, beside what traces tell of them. */
import type { Page } from '../../page.js';
import type { SessionQuery, SessionSummary, UserQuery, UserSummary } from '../generations.js';
import { SUM_COLUMNS, toSums } from '../rollups.js';
import { addRange, Conditions } from './conditions.js';
import { IDENTITY_DIMENSIONS, NO_TRACE } from './generation-changes.js';
import { indexedText } from './generation-rows.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import { unsigned } from './time.js';

type SumColumn = (typeof SUM_COLUMNS)[number];

interface IdentityRow extends Record<SumColumn, string | bigint> {
  id: string;
  first_time_unix_nano: bigint;
  last_time_unix_nano: bigint;
}

/** What traces tell of one session or user. */
interface ToldRow {
  id: string;
  traces: number;
  /** Of a session its users, of a user its sessions. */
  others: string[];
}

type Identity = keyof typeof IDENTITY_DIMENSIONS;

const COLUMNS: Record<Identity, { own: string; other: string }> = {
  session: { own: 'session_id', other: 'user_id' },
  user: { own: 'user_id', other: 'session_id' },
};

const MAX_USER_IDS = 20;

const ORDER: PageQuery['order'] = {
  time: 'item.last_time_unix_nano',
  tie: 'item.id',
  tieType: 'text',
  tieRuns: 'against time',
};

function walked(identity: Identity, query: UserQuery): Matching {
  const conditions = new Conditions();
  conditions.add(`item.workspace = ? and item.dimensions = ${IDENTITY_DIMENSIONS[identity]}`, query.workspace);
  addRange(conditions, 'item.last_time_unix_nano', query);
  return { from: 'identities item', conditions };
}

async function list(source: ListSource, identity: Identity, wanted: SessionQuery): Promise<Page<Summarised>> {
  const { userId } = wanted;
  const few = userId === undefined ? undefined : await findSessions(source.queries, wanted.workspace, userId);
  if (few?.length === 0) return { items: [], total: 0, totalRelation: 'eq' };
  const matching = () => {
    const matched = walked(identity, wanted);
    if (few) matched.conditions.add('item.id = any(?::text[])', few);
    else if (userId !== undefined) addUser(matched.conditions, userId);
    return matched;
  };
  const walkedRows = few ? undefined : () => walked(identity, wanted);
  const query = { matching, walked: walkedRows, columns: 'item.*', order: ORDER };
  const { rows, ...page } = await readPage<IdentityRow>(source, query, { ...wanted, order: 'desc' });
  return { items: await summarise(source.queries, identity, wanted.workspace, rows), ...page };
}

/** Who has more is met often enough by who goes down the list of all sessions. */
const MAX_SESSIONS = 10_000;
const SEARCH_BUDGET_MS = 400;

/**
 * Of one user: in the list of all sessions those of a user with few of them stand between thousands of others. undefined when
 * they are many, or take too long to find.
 */
async function findSessions(queries: Queries, workspace: string, userId: string): Promise<string[] | undefined> {
  const sql = `select distinct session_id from trace_identities
    where workspace = $1 and user_id = $2 and user_id <> '' and session_id <> '' limit ${MAX_SESSIONS + 1}`;
  const values = [workspace, indexedText(userId)];
  const rows = await queries.rowsWithin<{ session_id: string }>(SEARCH_BUDGET_MS, sql, values);
  return rows && rows.length <= MAX_SESSIONS ? rows.map(({ session_id: id }) => id) : undefined;
}

function addUser(conditions: Conditions, userId: string): void {
  conditions.add(
    `exists (select 1 from trace_identities told where told.workspace = item.workspace and told.session_id = item.id
       and told.session_id <> '' and told.user_id = ? and told.user_id <> '' offset 0)`,
    indexedText(userId),
  );
}

interface Summarised {
  row: IdentityRow;
  told: ToldRow | undefined;
}

async function summarise(
  queries: Queries,
  identity: Identity,
  workspace: string,
  rows: readonly IdentityRow[],
): Promise<Summarised[]> {
  if (rows.length === 0) return [];
  const { own, other } = COLUMNS[identity];
  const told = await queries.rows<ToldRow>(
    `select ${own} as id, count(distinct trace_id) filter (where trace_id <> '${NO_TRACE}')::int as traces,
       coalesce(array_agg(distinct ${other}::text) filter (where ${other} <> ''), '{}') as others
     from trace_identities where workspace = $1 and ${own} = any($2::text[]) and ${own} <> '' group by ${own}`,
    [workspace, rows.map(({ id }) => id)],
  );
  const byId = new Map(told.map((row) => [row.id, row]));
  return rows.map((row) => ({ row, told: byId.get(row.id) }));
}

async function get(
  queries: Queries,
  identity: Identity,
  workspace: string,
  id: string,
): Promise<Summarised | undefined> {
  const rows = await queries.rows<IdentityRow>(
    'select * from identities where workspace = $1 and dimensions = $2 and id = $3',
    [workspace, IDENTITY_DIMENSIONS[identity], indexedText(id)],
  );
  return (await summarise(queries, identity, workspace, rows))[0];
}

function commonOf({ row, told }: Summarised) {
  return {
    id: row.id,
    firstTimeUnixNano: unsigned(row.first_time_unix_nano),
    lastTimeUnixNano: unsigned(row.last_time_unix_nano),
    traces: told?.traces ?? 0,
    ...toSums(SUM_COLUMNS.map((column) => BigInt(row[column]))),
  };
}

function sessionOf(found: Summarised): SessionSummary {
  return { ...commonOf(found), userIds: [...(found.told?.others ?? [])].sort().slice(0, MAX_USER_IDS) };
}

function userOf(found: Summarised): UserSummary {
  return { ...commonOf(found), sessions: found.told?.others.length ?? 0 };
}

export async function listSessions(source: ListSource, wanted: SessionQuery): Promise<Page<SessionSummary>> {
  const { items, ...page } = await list(source, 'session', wanted);
  return { items: items.map(sessionOf), ...page };
}

export async function listUsers(source: ListSource, wanted: UserQuery): Promise<Page<UserSummary>> {
  const { items, ...page } = await list(source, 'user', wanted);
  return { items: items.map(userOf), ...page };
}

export async function getSession(queries: Queries, workspace: string, id: string): Promise<SessionSummary | undefined> {
  const found = await get(queries, 'session', workspace, id);
  return found && sessionOf(found);
}

export async function getUser(queries: Queries, workspace: string, id: string): Promise<UserSummary | undefined> {
  const found = await get(queries, 'user', workspace, id);
  return found && userOf(found);
}

export async function listSessionTraces(
  queries: Queries,
  workspace: string,
  id: string,
  limit: number,
): Promise<string[]> {
  const rows = await queries.rows<{ trace_id: string }>(
    `select trace_id from trace_identities
     where workspace = $1 and session_id = $2 and session_id <> '' and trace_id <> '${NO_TRACE}'
     group by trace_id order by max(last_time_unix_nano) desc, trace_id limit $3`,
    [workspace, indexedText(id), limit],
  );
  return rows.map((row) => row.trace_id.replaceAll('-', ''));
}
