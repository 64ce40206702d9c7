/** Sums that a store keeps, against a recount of the rows that they are of. */
import { expect } from 'vitest';
import { modelOf, TOKEN_TYPES } from '../../../../../src/model/generation.js';
import {
  type Dimension,
  GRAINS,
  type StoredGeneration,
  type UsageQuery,
  type UsageRow,
} from '../../../../../src/store/telemetry/generations.js';
import { hex } from '../../record-comparison.js';
import { SECOND, type StoredGenerations } from './session.js';

interface Expected {
  requests: number;
  errors: number;
  unpriced: number;
  usage: Record<string, number>;
  picodollars: bigint;
  durationNanoSum: bigint;
  durations: number[];
}

const VALUE_OF: Record<Dimension, (generation: StoredGeneration) => string> = {
  model: (generation) => modelOf(generation),
  provider: ({ provider }) => provider,
  prompt: ({ promptName }) => promptName,
  version: ({ promptVersion }) => promptVersion,
  environment: ({ environment }) => environment,
  user: ({ userId }) => userId,
  session: ({ sessionId }) => sessionId,
};

/** From the rows themselves, without any of the code that keeps sums. */
function recount(rows: readonly StoredGeneration[], groupBy: readonly Dimension[], grainS: number | undefined) {
  const groups = new Map<string, Expected>();
  for (const row of rows.filter(({ counted }) => counted)) {
    const second = Number(row.startTimeUnixNano / SECOND);
    const time = grainS === undefined ? undefined : Math.floor(second / grainS) * grainS * 1000;
    const name = JSON.stringify([time ?? null, groupBy.map((dimension) => VALUE_OF[dimension](row))]);
    const group = groups.get(name) ?? {
      requests: 0,
      errors: 0,
      unpriced: 0,
      usage: Object.fromEntries(TOKEN_TYPES.map((type) => [type, 0])),
      picodollars: 0n,
      durationNanoSum: 0n,
      durations: [],
    };
    groups.set(name, group);
    group.requests++;
    if (row.isError) group.errors++;
    if (row.cost === undefined && TOKEN_TYPES.some((type) => (row.usage[type] ?? 0) > 0)) group.unpriced++;
    for (const type of TOKEN_TYPES) group.usage[type]! += row.usage[type] ?? 0;
    group.picodollars += row.cost?.picodollars ?? 0n;
    group.durationNanoSum += row.durationNano;
    group.durations.push(Number(row.durationNano));
  }
  return groups;
}

function expectUsage(found: readonly UsageRow[], groupBy: readonly Dimension[], expected: Map<string, Expected>): void {
  const names = found.map(({ timeUnixMs, group }) =>
    JSON.stringify([timeUnixMs ?? null, groupBy.map((dimension) => group[dimension])]),
  );
  expect(names.toSorted()).toEqual([...expected.keys()].sort());
  for (const [at, row] of found.entries()) {
    const { durations, ...sums } = expected.get(names[at]!)!;
    expect(row).toMatchObject(sums);
    durations.sort((a, b) => a - b);
    for (const [value, quantile] of [
      [row.p50DurationNano, 0.5],
      [row.p95DurationNano, 0.95],
      [row.p99DurationNano, 0.99],
    ] as const) {
      const exact = durations[Math.floor(quantile * (durations.length - 1))]!;
      expect(Math.abs(value! - exact)).toBeLessThanOrEqual(exact * 0.0101);
    }
  }
}

const GROUPINGS: readonly (readonly Dimension[])[] = [
  [],
  ['model'],
  ['provider', 'environment'],
  ['prompt', 'version', 'model'],
  ['user'],
  ['session'],
];

/** More than a test writes. */
const MAX_ROWS = 10_000;

/** Every grain and grouping, and the sums of each session and user, against the rows. */
export async function expectSumsOfRows(
  stored: Pick<StoredGenerations, 'reader' | 'list' | 'usage'>,
  workspace = 'default',
): Promise<void> {
  const rows = await stored.list({ workspace, limit: MAX_ROWS });
  for (const groupBy of GROUPINGS) {
    expectUsage(await stored.usage({ workspace, groupBy }), groupBy, recount(rows, groupBy, undefined));
    for (const [grain, seconds] of Object.entries(GRAINS)) {
      const found = await stored.usage({ workspace, groupBy, grain: grain as UsageQuery['grain'], series: true });
      expectUsage(found, groupBy, recount(rows, groupBy, seconds));
    }
  }
  await expectSessionsOfRows(stored, workspace, rows);
}

async function expectSessionsOfRows(
  stored: Pick<StoredGenerations, 'reader' | 'list' | 'usage'>,
  workspace: string,
  listed: readonly StoredGeneration[],
) {
  const all = [...listed, ...(await stored.list({ workspace, limit: MAX_ROWS, kinds: ['span'] }))];
  const sessions = await stored.reader.listSessions({ workspace, limit: 1000 });
  const bySession = groupRows(all, ({ sessionId }) => sessionId);
  bySession.delete('');
  expect(sessions.items.map(({ id }) => id).toSorted()).toEqual([...bySession.keys()].sort());
  for (const summary of sessions.items) {
    const rows = bySession.get(summary.id)!;
    expect(summary).toMatchObject(summaryOf(rows));
    const users = [...new Set(rows.map(({ userId }) => userId).filter((id) => id !== ''))];
    expect(summary.userIds).toEqual(users.sort().slice(0, 20));
    const traces = await stored.reader.listSessionTraces(workspace, summary.id, 1000);
    expect(traces.toSorted()).toEqual(tracesOf(rows).sort());
  }
  const users = await stored.reader.listUsers({ workspace, limit: 1000 });
  const byUser = groupRows(all, ({ userId }) => userId);
  byUser.delete('');
  expect(users.items.map(({ id }) => id).toSorted()).toEqual([...byUser.keys()].sort());
  for (const summary of users.items) {
    const rows = byUser.get(summary.id)!;
    const ids = new Set(rows.map(({ sessionId }) => sessionId).filter((id) => id !== ''));
    expect(summary).toMatchObject({ ...summaryOf(rows), sessions: ids.size });
  }
}

function groupRows(rows: readonly StoredGeneration[], nameOf: (row: StoredGeneration) => string) {
  const groups = new Map<string, StoredGeneration[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  return groups;
}

function tracesOf(rows: readonly StoredGeneration[]): string[] {
  return [...new Set(rows.flatMap(({ traceId }) => (traceId ? [hex(traceId)] : [])))];
}

function summaryOf(rows: readonly StoredGeneration[]) {
  const times = rows.map(({ startTimeUnixNano }) => startTimeUnixNano).sort((a, b) => (a < b ? -1 : 1));
  const [sums] = recount(rows, [], undefined).values();
  return {
    firstTimeUnixNano: times[0],
    lastTimeUnixNano: times.at(-1),
    traces: tracesOf(rows).length,
    requests: sums?.requests ?? 0,
    errors: sums?.errors ?? 0,
    unpriced: sums?.unpriced ?? 0,
    picodollars: sums?.picodollars ?? 0n,
    ...(sums && { usage: sums.usage }),
  };
}
