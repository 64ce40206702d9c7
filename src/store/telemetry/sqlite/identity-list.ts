/**
 * Sessions and users by the time of their latest generation. One may be in several blocks: each block yields those it has by
 * their latest there, and one that is later in another block is passed over, because it comes, or came, there.
 */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import { COUNT_BUDGET_MS } from '../budgets.js';
import type { SessionQuery, SessionSummary, UserSummary } from '../generations.js';
import { type Amounts, addAmounts, noAmounts, SUM_COLUMNS, toSums } from '../rollups.js';
import type { BlockReader } from './block-reader.js';
import { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import { allOf, type Conditions, timeConditions } from './conditions.js';
import { readWide, SESSION, USER } from './generation-rows.js';
import { compareNames, NEWEST_FIRST, type IdentityPlace as Place, sessionsOfUser } from './identity-places.js';
import {
  atLeast,
  COUNT_BOUND,
  type ListContext,
  noLessThan,
  type Step,
  skipOf,
  type Total,
  takePage,
  withSkip,
} from './list-page.js';
import { signed, unsigned } from './trace-groups.js';
import { type Stream, walk } from './walk.js';

type IdentityType = typeof SESSION | typeof USER;

const MAX_USER_IDS = 20;

export function listSessions(context: ListContext, query: SessionQuery): Page<SessionSummary> {
  const list = new IdentityList(context, SESSION, query);
  return list.page((name) => sessionSummary(context.catalog, query.workspace, name));
}

export function listUsers(context: ListContext, query: SessionQuery): Page<UserSummary> {
  const list = new IdentityList(context, USER, query);
  return list.page((name) => userSummary(context.catalog, query.workspace, name));
}

/** One block's. */
class IdentityStream implements Stream<Place> {
  readonly latestTime: bigint;
  readonly earliestTime: bigint;

  constructor(
    private readonly catalog: Catalog,
    private readonly block: Block,
    private readonly conditions: Conditions,
  ) {
    this.latestTime = block.generations!.max;
    this.earliestTime = block.generations!.min;
  }

  placeAfter(after: Place | undefined, rows: number): Place | undefined {
    return this.select(afterPlace(after), 'LIMIT 1 OFFSET @rows', { rows: rows - 1 })[0];
  }

  between(after: Place | undefined, end: Place | undefined): Place[] {
    return this.select(allOf(afterPlace(after), upTo(end)));
  }

  private select(conditions: Conditions, limit = '', parameters: object = {}): Place[] {
    const { sql, parameters: bound } = allOf(this.conditions, conditions);
    const select = `SELECT x.last_time AS time, x.name FROM identities x INDEXED BY identities_by_time
      WHERE ${sql.join(' AND ')} ORDER BY x.last_time DESC, x.name ${limit}`;
    return this.catalog.scan(this.block.file, (reader) => reader.all<Place>(select, { ...bound, ...parameters })) ?? [];
  }
}

function afterPlace(after: Place | undefined): Conditions {
  if (!after) return { sql: [], parameters: {} };
  const sql = ['x.last_time <= @afterTime AND (x.last_time < @afterTime OR x.name > @afterName)'];
  return { sql, parameters: { afterTime: after.time, afterName: after.name } };
}

function upTo(end: Place | undefined): Conditions {
  if (!end) return { sql: [], parameters: {} };
  const sql = ['x.last_time >= @endTime AND (x.last_time > @endTime OR x.name <= @endName)'];
  return { sql, parameters: { endTime: end.time, endName: end.name } };
}

class IdentityList {
  private readonly blocks: Block[];

  constructor(
    private readonly context: ListContext,
    private readonly type: IdentityType,
    private readonly query: SessionQuery,
  ) {
    this.blocks = context.catalog.blocks().filter(({ generations }) => generations !== undefined);
  }

  page<Item>(load: (name: string) => Item | undefined): Page<Item> {
    const { query, context } = this;
    const { limit } = query;
    const skip = skipOf(query);
    const after = query.after && placeOf(query.after);
    const few = this.few();
    const steps = few ? stepsThrough(few, after) : this.steps(after, skip + limit + 1);
    const { items, found, next, partial } = takePage(steps, { limit, skip }, Budget.of(context.pageBudgetMs));
    return {
      items: items.map(({ name }) => load(name)).filter((item) => item !== undefined),
      ...(partial ? atLeast(found) : noLessThan(found, few ? upToBound(few.length) : this.total())),
      ...(next && { next: withSkip(keysetOf(next.after), next.skip) }),
    };
  }

  /** All of the list, where another index than that of times finds them. */
  private few(): Place[] | undefined {
    const { userId, ...query } = this.query;
    return userId === undefined ? undefined : sessionsOfUser(this.context.catalog, { ...query, userId });
  }

  private *steps(after: Place | undefined, wanted: number): Generator<Step<Place, Place>> {
    const streams = this.blocks.flatMap((block) => this.streamOf(block) ?? []);
    let latest = after;
    for (const { matches, end } of walk(streams, { order: NEWEST_FIRST, after, firstRows: wanted })) {
      for (const match of matches) {
        // Two blocks may have it with one time.
        if (latest && NEWEST_FIRST.compare(latest, match) === 0) continue;
        latest = match;
        yield this.isLatest(match) ? { match } : { lookedTo: match };
      }
      if (end !== undefined) yield { lookedTo: end };
    }
  }

  private streamOf(block: Block): IdentityStream | undefined {
    const conditions = this.context.catalog.read(block.file, (reader) => this.conditionsIn(reader));
    return conditions && new IdentityStream(this.context.catalog, block, conditions);
  }

  private conditionsIn(reader: BlockReader): Conditions | undefined {
    const workspace = reader.workspaceId(this.query.workspace);
    if (workspace === undefined) return undefined;
    const own = ['x.workspace_id = @workspace', 'x.type = @type', 'x.last_time IS NOT NULL'];
    return allOf({ sql: own, parameters: { workspace, type: this.type } }, timeConditions('x.last_time', this.query));
  }

  /** Of all blocks, and of the user that is asked for. */
  private isLatest({ time, name }: Place): boolean {
    const { query, context, type } = this;
    const rows = this.blocks.flatMap(
      ({ file }) => context.catalog.read(file, (reader) => lastTimes(reader, query.workspace, type, name)) ?? [],
    );
    if (rows.some((last) => last > time)) return false;
    return query.userId === undefined || hasUser(context.catalog, query.workspace, name, query.userId);
  }

  private total(): Total {
    const budget = Budget.of(COUNT_BUDGET_MS);
    this.context.budget.start(COUNT_BUDGET_MS);
    const names = new Set<string>();
    try {
      // Those that are later in another block than the range allows are known by their times alone.
      const isByTime = this.query.toUnixNano !== undefined || this.query.userId !== undefined;
      for (const found of isByTime ? this.namesByTime(budget) : this.namesByBlock()) {
        for (const name of found) names.add(name);
        if (names.size > COUNT_BOUND) break;
      }
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'QUERY_TIMEOUT') throw error;
      return atLeast(names.size);
    }
    return upToBound(names.size);
  }

  private *namesByTime(budget: Budget): Generator<[name: string] | []> {
    for (const step of this.steps(undefined, COUNT_BOUND)) {
      yield 'match' in step ? [step.match.name] : [];
      budget.check();
    }
  }

  private *namesByBlock(): Generator<readonly string[]> {
    for (const { file } of this.blocks) {
      const names = this.context.catalog.read(file, (reader) => {
        const conditions = this.conditionsIn(reader);
        return conditions && namesIn(reader, conditions);
      });
      yield names ?? [];
    }
  }
}

function* stepsThrough(places: readonly Place[], after: Place | undefined): Generator<Step<Place, Place>> {
  for (const match of places) if (!after || NEWEST_FIRST.compare(match, after) > 0) yield { match };
}

function upToBound(count: number): Total {
  if (count > COUNT_BOUND) return { total: COUNT_BOUND, totalRelation: 'gte' };
  return { total: count, totalRelation: 'eq' };
}

/** One more than are counted, at most. */
function namesIn(reader: BlockReader, { sql, parameters }: Conditions): string[] {
  const select = `SELECT x.name FROM identities x INDEXED BY identities_by_time
    WHERE ${sql.join(' AND ')} AND within_budget() LIMIT ${COUNT_BOUND + 1}`;
  return reader.all<{ name: string }>(select, parameters).map(({ name }) => name);
}

function lastTimes(reader: BlockReader, workspace: string, type: number, name: string): bigint[] {
  const id = reader.workspaceId(workspace);
  if (id === undefined) return [];
  const sql =
    'SELECT last_time FROM identities WHERE name = ? AND type = ? AND workspace_id = ? AND last_time IS NOT NULL';
  return reader.all<{ last_time: bigint }>(sql, [name, type, id]).map(({ last_time: last }) => last);
}

function hasUser(catalog: Catalog, workspace: string, session: string, user: string): boolean {
  return catalog.blocks().some(({ file }) =>
    catalog.read(file, (reader) => {
      const ids = identityIds(reader, workspace, [
        [SESSION, session],
        [USER, user],
      ]);
      const sql = 'SELECT 1 FROM memberships WHERE session_id = ? AND user_id = ? LIMIT 1';
      return ids !== undefined && reader.get(sql, ids) !== undefined;
    }),
  );
}

function identityIds(
  reader: BlockReader,
  workspace: string,
  names: readonly (readonly [type: number, name: string])[],
): bigint[] | undefined {
  const workspaceId = reader.hasGenerations ? reader.workspaceId(workspace) : undefined;
  if (workspaceId === undefined) return undefined;
  const ids = names.flatMap(([type, name]) => reader.identityId(workspaceId, type, name) ?? []);
  return ids.length === names.length ? ids : undefined;
}

interface Merged {
  amounts: Amounts;
  first: bigint;
  last: bigint;
}

interface IdentityRow extends Record<string, bigint | string | null> {
  first_time: bigint | null;
  last_time: bigint | null;
}

/** undefined when no block has a generation of it. */
function merge(catalog: Catalog, workspace: string, type: number, name: string): Merged | undefined {
  let merged: Merged | undefined;
  for (const { file } of catalog.blocks()) {
    const row = catalog.read(file, (reader) => {
      const [id] = identityIds(reader, workspace, [[type, name]]) ?? [];
      return id === undefined ? undefined : reader.get<IdentityRow>('SELECT * FROM identities WHERE id = ?', [id]);
    });
    if (!row || row.first_time === null || row.last_time === null) continue;
    merged ??= { amounts: noAmounts(), first: row.first_time, last: row.last_time };
    addAmounts(
      merged.amounts,
      SUM_COLUMNS.map((column) => readWide(row[column]!)),
    );
    if (row.first_time < merged.first) merged.first = row.first_time;
    if (row.last_time > merged.last) merged.last = row.last_time;
  }
  return merged;
}

/** The distinct values of a column of memberships, over all blocks. */
function distinct(
  catalog: Catalog,
  workspace: string,
  of: { type: IdentityType; name: string },
  column: string,
): Set<string> {
  const found = new Set<string>();
  // The index by user has no rows of nobody: SQLite takes it only for who says so.
  const where = of.type === SESSION ? 'm.session_id = ?' : 'm.user_id = ? AND m.user_id > 0';
  for (const { file } of catalog.blocks()) {
    catalog.read(file, (reader) => {
      const ids = identityIds(reader, workspace, [[of.type, of.name]]);
      if (!ids) return;
      const sql = `SELECT DISTINCT ${column} AS value FROM memberships m WHERE ${where} AND within_budget()`;
      for (const { value } of reader.iterate<{ value: string | null }>(sql, ids)) if (value) found.add(value);
    });
  }
  return found;
}

const TRACES = 'hex(m.trace_id)';
const NAME_OF = (column: string) => `(SELECT i.name FROM identities i WHERE i.id = m.${column})`;

function commonOf({ amounts, first, last }: Merged) {
  return { ...toSums(amounts), firstTimeUnixNano: unsigned(first), lastTimeUnixNano: unsigned(last) };
}

export function sessionSummary(catalog: Catalog, workspace: string, id: string): SessionSummary | undefined {
  const merged = merge(catalog, workspace, SESSION, id);
  if (!merged) return undefined;
  const of = { type: SESSION, name: id } as const;
  const users = distinct(catalog, workspace, of, NAME_OF('user_id'));
  return {
    id,
    ...commonOf(merged),
    traces: distinct(catalog, workspace, of, TRACES).size,
    userIds: [...users].sort(compareNames).slice(0, MAX_USER_IDS),
  };
}

export function userSummary(catalog: Catalog, workspace: string, id: string): UserSummary | undefined {
  const merged = merge(catalog, workspace, USER, id);
  if (!merged) return undefined;
  const of = { type: USER, name: id } as const;
  return {
    id,
    ...commonOf(merged),
    traces: distinct(catalog, workspace, of, TRACES).size,
    sessions: distinct(catalog, workspace, of, NAME_OF('session_id')).size,
  };
}

/** Hex ids, newest first by their latest generation in the session. */
export function sessionTraces(catalog: Catalog, workspace: string, id: string, limit: number): string[] {
  const latest = new Map<string, bigint>();
  for (const { file } of catalog.blocks()) {
    catalog.read(file, (reader) => {
      const ids = identityIds(reader, workspace, [[SESSION, id]]);
      for (const { trace, last } of ids ? latestOfTraces(reader, ids, limit) : []) {
        const known = latest.get(trace);
        if (known === undefined || last > known) latest.set(trace, last);
      }
    });
  }
  const newestFirst = [...latest].sort(([a, timeA], [b, timeB]) => {
    if (timeA !== timeB) return timeA > timeB ? -1 : 1;
    return a < b ? -1 : 1;
  });
  return newestFirst.slice(0, limit).map(([trace]) => trace);
}

function latestOfTraces(reader: BlockReader, ids: readonly bigint[], limit: number) {
  const sql = `SELECT lower(hex(coalesce(s.trace_id, l.trace_id))) AS trace, max(x.start_time_unix_nano) AS last
    FROM generations x INDEXED BY generations_by_session
      LEFT JOIN spans s ON s.id = x.id LEFT JOIN log_records l ON l.id = -x.id
    WHERE x.session_id = ? AND coalesce(s.trace_id, l.trace_id) IS NOT NULL AND within_budget()
    GROUP BY 1 ORDER BY last DESC, trace LIMIT ?`;
  return reader.all<{ trace: string; last: bigint }>(sql, [...ids, limit]);
}

function keysetOf({ time, name }: Place): Keyset {
  return { timeUnixNano: unsigned(time), id: name };
}

function placeOf({ timeUnixNano, id }: Keyset): Place {
  return { time: signed(timeUnixNano), name: id };
}
