/** A GenerationReader over an array: the interface's rules in their plainest form, sums by adding up the rows. */
import { modelOf, TOKEN_TYPES } from '../../src/model/generation.js';
import type { Keyset, Page } from '../../src/store/page.js';
import {
  type Dimension,
  type GenerationQuery,
  type GenerationReader,
  GRAINS,
  type StoredGeneration,
  type Sums,
  type UsageQuery,
  type UsageRow,
} from '../../src/store/telemetry/generations.js';
import { generation } from './generations.js';

type Row = StoredGeneration & { workspace: string };

export interface GenerationsMemory extends GenerationReader {
  add(workspace: string, ...generations: StoredGeneration[]): void;
  readonly queries: GenerationQuery[];
  /** Every read rejects with this while it is set. */
  failure: unknown;
}

const START = 1_767_225_600_000_000_000n;
let made = 0;

/** A call of a model, with what the test says of it. */
export function storedGeneration(overrides: Partial<StoredGeneration> = {}): StoredGeneration {
  const number = ++made;
  const { searchText: _, ...call } = generation({
    responseId: `chatcmpl-${number}`,
    cost: undefined,
    startTimeUnixNano: START + BigInt(number) * 1_000_000_000n,
    durationNano: 500_000_000n,
  });
  return {
    source: 'span',
    traceId: Buffer.alloc(16, number),
    spanId: Buffer.alloc(8, number),
    name: 'chat gpt-4o',
    service: 'shop',
    counted: true,
    receivedTimeUnixMs: 1_767_225_600_123,
    ...call,
    ...overrides,
  };
}

const hex = (id: Uint8Array | undefined) => (id ? Buffer.from(id).toString('hex') : '');
const tokensOf = ({ usage }: Row) => (usage.input ?? 0) + (usage.output ?? 0);

function isOfRun({ run }: GenerationQuery, { runId, traceId }: Row): boolean {
  return runId === run?.id || (run?.traceId !== undefined && hex(traceId) === hex(run.traceId));
}

function matches(query: GenerationQuery, row: Row): boolean {
  const wanted: [unknown, boolean][] = [
    [query.fromUnixNano, row.startTimeUnixNano >= (query.fromUnixNano ?? 0n)],
    [query.toUnixNano, row.startTimeUnixNano < (query.toUnixNano ?? 0n)],
    [query.kinds, (query.kinds ?? []).includes(row.kind)],
    [query.model, [row.requestModel, row.responseModel].includes(query.model ?? '')],
    [query.provider, row.provider === query.provider],
    [query.promptName, row.promptName === query.promptName],
    [query.promptVersion, row.promptVersion === query.promptVersion],
    [query.sessionId, row.sessionId === query.sessionId],
    [query.userId, row.userId === query.userId],
    [query.environment, row.environment === query.environment],
    [query.traceId, hex(row.traceId) === hex(query.traceId)],
    [query.run, isOfRun(query, row)],
    [query.isError, row.isError === query.isError],
    [query.isPriced, (row.cost !== undefined) === query.isPriced],
    [query.counted, row.counted === query.counted],
    [query.minPicodollars, row.cost !== undefined && row.cost.picodollars >= (query.minPicodollars ?? 0n)],
    [query.maxPicodollars, row.cost !== undefined && row.cost.picodollars <= (query.maxPicodollars ?? 0n)],
    [query.minTokens, tokensOf(row) >= (query.minTokens ?? 0)],
    [query.maxTokens, tokensOf(row) <= (query.maxTokens ?? 0)],
    [query.minDurationNano, row.durationNano >= (query.minDurationNano ?? 0n)],
    [query.maxDurationNano, row.durationNano <= (query.maxDurationNano ?? 0n)],
    // Messages are no part of a stored row: its name stands for them.
    [query.text, row.name.includes(query.text ?? '')],
  ];
  return row.workspace === query.workspace && wanted.every(([asked, holds]) => asked === undefined || holds);
}

interface Positioned<Item> extends Keyset {
  item: Item;
}

function compare(a: Keyset, b: Keyset): number {
  if (a.timeUnixNano !== b.timeUnixNano) return a.timeUnixNano > b.timeUnixNano ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

interface Paged {
  limit: number;
  after?: Keyset;
  offset?: number;
  order?: 'asc' | 'desc';
}

function pageOf<Item>(all: Positioned<Item>[], { limit, after, offset = 0, order }: Paged): Page<Item> {
  const ordered = (a: Keyset, b: Keyset) => (order === 'asc' ? compare(b, a) : compare(a, b));
  const following = all.toSorted(ordered).filter((each) => !after || ordered(each, after) > 0);
  const taken = following.slice(offset, offset + limit);
  const last = taken.at(-1);
  const next = last && following.length > offset + limit && { timeUnixNano: last.timeUnixNano, id: last.id };
  return { items: taken.map(({ item }) => item), total: all.length, totalRelation: 'eq', ...(next && { next }) };
}

function sumsOf(rows: readonly Row[]): Sums {
  const counted = rows.filter((row) => row.counted);
  const usage = Object.fromEntries(
    TOKEN_TYPES.map((type) => [type, counted.reduce((sum, row) => sum + (row.usage[type] ?? 0), 0)]),
  ) as Sums['usage'];
  return {
    requests: counted.length,
    errors: counted.filter(({ isError }) => isError).length,
    unpriced: counted.filter((row) => row.cost === undefined && tokensOf(row) > 0).length,
    usage,
    picodollars: counted.reduce((sum, { cost }) => sum + (cost?.picodollars ?? 0n), 0n),
  };
}

const VALUES: Readonly<Record<Dimension, (row: Row) => string>> = {
  model: modelOf,
  provider: ({ provider }) => provider,
  prompt: ({ promptName }) => promptName,
  version: ({ promptVersion }) => promptVersion,
  environment: ({ environment }) => environment,
  user: ({ userId }) => userId,
  session: ({ sessionId }) => sessionId,
};

function groupRows(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function usageRow(rows: readonly Row[], timeUnixMs: number | undefined, groupBy: readonly Dimension[]): UsageRow {
  const durations = rows.map(({ durationNano }) => Number(durationNano)).sort((a, b) => a - b);
  return {
    ...sumsOf(rows),
    timeUnixMs,
    group: Object.fromEntries(groupBy.map((dimension) => [dimension, VALUES[dimension](rows[0]!)])),
    durationNanoSum: rows.reduce((sum, { durationNano }) => sum + durationNano, 0n),
    p50DurationNano: quantile(durations, 0.5),
    p95DurationNano: quantile(durations, 0.95),
    p99DurationNano: quantile(durations, 0.99),
  };
}

function readUsage(all: readonly Row[], query: UsageQuery): UsageRow[] {
  const { workspace, fromUnixMs, toUnixMs, grain, series, groupBy, filters } = query;
  const stepMs = GRAINS[grain] * 1000;
  const timeOf = ({ startTimeUnixNano }: Row) => Number(startTimeUnixNano / 1_000_000n);
  const taken = all.filter((row) => {
    const inRange = timeOf(row) >= fromUnixMs && timeOf(row) < toUnixMs;
    const asked = Object.entries(filters).every(([name, value]) => VALUES[name as Dimension](row) === value);
    return row.workspace === workspace && row.counted && inRange && asked;
  });
  const time = (row: Row) => (series ? Math.floor(timeOf(row) / stepMs) * stepMs : undefined);
  const groups = groupRows(taken, (row) => JSON.stringify([time(row), ...groupBy.map((name) => VALUES[name](row))]));
  const rows = [...groups.values()].map((group) => usageRow(group, time(group[0]!), groupBy));
  const inOrder = rows.sort(
    (a, b) => (a.timeUnixMs ?? 0) - (b.timeUnixMs ?? 0) || Number(b.picodollars > a.picodollars ? 1 : -1),
  );
  return inOrder.slice(0, query.limit);
}

function activityOf(rows: readonly Row[]) {
  const times = rows.map(({ startTimeUnixNano }) => startTimeUnixNano).sort((a, b) => Number(a - b));
  return {
    ...sumsOf(rows),
    firstTimeUnixNano: times[0]!,
    lastTimeUnixNano: times.at(-1)!,
    traces: new Set(rows.map(({ traceId }) => hex(traceId))).size,
  };
}

const distinct = (texts: string[]) => [...new Set(texts.filter((text) => text !== ''))].sort();

export function createGenerationsMemory(): GenerationsMemory {
  const rows: Row[] = [];
  const grouped = (workspace: string, by: 'sessionId' | 'userId') =>
    groupRows(
      rows.filter((row) => row.workspace === workspace && row[by] !== ''),
      (row) => row[by],
    );
  const sessionOf = (id: string, of: readonly Row[]) => {
    return { id, ...activityOf(of), userIds: distinct(of.map(({ userId }) => userId)) };
  };
  const userOf = (id: string, of: readonly Row[]) => {
    return { id, ...activityOf(of), sessions: distinct(of.map(({ sessionId }) => sessionId)).length };
  };
  const place = <Item extends { id: string; lastTimeUnixNano: bigint }>(item: Item) => {
    return { item, timeUnixNano: item.lastTimeUnixNano, id: item.id };
  };
  const active = ({ fromUnixNano, toUnixNano }: { fromUnixNano?: bigint; toUnixNano?: bigint }) => {
    return ({ timeUnixNano }: Keyset) =>
      (fromUnixNano === undefined || timeUnixNano >= fromUnixNano) &&
      (toUnixNano === undefined || timeUnixNano < toUnixNano);
  };
  const memory: GenerationsMemory = {
    queries: [],
    failure: undefined,
    add(workspace, ...generations) {
      for (const generation of generations) rows.push({ ...generation, workspace });
    },
    async listGenerations(query) {
      memory.queries.push(query);
      if (memory.failure) throw memory.failure;
      const found = rows.filter((row) => matches(query, row));
      const idOf = (row: Row) => `${hex(row.traceId)}${hex(row.spanId)}`;
      return pageOf(
        found.map((item) => ({ item, timeUnixNano: item.startTimeUnixNano, id: idOf(item) })),
        query,
      );
    },
    async getGeneration(workspace, where) {
      const found = rows.filter((row) => row.workspace === workspace);
      if ('logTimeUnixNano' in where)
        return found.find((row) => row.source === 'log' && row.startTimeUnixNano === where.logTimeUnixNano);
      return found.find((row) => hex(row.traceId) === hex(where.traceId) && hex(row.spanId) === hex(where.spanId));
    },
    async listSessions(query) {
      const all = [...grouped(query.workspace, 'sessionId')].map(([id, of]) => place(sessionOf(id, of)));
      const ofUser = ({ item }: (typeof all)[number]) => !query.userId || item.userIds.includes(query.userId);
      return pageOf(all.filter(active(query)).filter(ofUser), query);
    },
    async getSession(workspace, id) {
      const of = grouped(workspace, 'sessionId').get(id);
      return of && sessionOf(id, of);
    },
    async listSessionTraces(workspace, id, limit) {
      const of = grouped(workspace, 'sessionId').get(id) ?? [];
      return distinct(of.map(({ traceId }) => hex(traceId))).slice(0, limit);
    },
    async listUsers(query) {
      const all = [...grouped(query.workspace, 'userId')].map(([id, of]) => place(userOf(id, of)));
      return pageOf(all.filter(active(query)), query);
    },
    async getUser(workspace, id) {
      const of = grouped(workspace, 'userId').get(id);
      return of && userOf(id, of);
    },
    readUsage: async (query) => readUsage(rows, query),
  };
  return memory;
}
