/** What is kept of generations beside their rows, compared with a count of the rows. */
import { expect } from 'vitest';
import type { GenerationReader, StoredGeneration, UsageQuery } from '../../../src/store/telemetry/generations.js';
import { BASE_TIME_UNIX_NANO } from '../../helpers/records.js';
import { groupedBy, modelOf, recount, storedGenerations } from './generation-records.js';

const BASE_MS = Number(BASE_TIME_UNIX_NANO / 1_000_000n);
const DAY_MS = 86_400_000;
const WHOLE_RANGE = { fromUnixMs: BASE_MS - DAY_MS, toUnixMs: BASE_MS + 2 * DAY_MS };

export function usageOf(store: GenerationReader, query: Partial<UsageQuery> = {}) {
  const all: UsageQuery = {
    workspace: 'default',
    ...WHOLE_RANGE,
    grain: 'day',
    series: false,
    groupBy: [],
    filters: {},
    ...query,
  };
  return store.readUsage(all);
}

/** Everything that is summed up equals a count of the rows. */
export async function expectSumsOfRows(store: GenerationReader, workspace = 'default'): Promise<void> {
  const rows = await storedGenerations(store, workspace);
  const counted = rows.filter((row) => row.counted);
  for (const grain of ['minute', 'hour', 'day'] as const) {
    for (const [dimension, nameOf] of [
      ['model', modelOf],
      ['user', (row: StoredGeneration) => row.userId],
      ['session', (row: StoredGeneration) => row.sessionId],
    ] as const) {
      const found = await usageOf(store, { workspace, grain, groupBy: [dimension] });
      const counts = found.map(({ group, p50DurationNano, p95DurationNano, p99DurationNano, timeUnixMs, ...sums }) => {
        return [group[dimension] as string, sums] as const;
      });
      const expected = [...groupedBy(counted, nameOf)].map(([name, of]) => [name, recount(of)] as const);
      expect(new Map<string, unknown>(counts)).toEqual(new Map<string, unknown>(expected));
    }
    const series = await usageOf(store, { workspace, grain, series: true });
    expect(series.reduce((sum, row) => sum + row.requests, 0)).toBe(counted.length);
  }
  await expectSessionsOfRows(store, workspace, rows);
  await expectUsersOfRows(store, workspace, rows);
}

async function expectSessionsOfRows(store: GenerationReader, workspace: string, rows: readonly StoredGeneration[]) {
  const { items } = await store.listSessions({ workspace, limit: 1_000 });
  const bySession = groupedBy(
    rows.filter((row) => row.sessionId !== ''),
    (row) => row.sessionId,
  );
  expect(items.map(({ id }) => id).sort()).toEqual([...bySession.keys()].sort());
  for (const { id, traces, userIds, firstTimeUnixNano, lastTimeUnixNano, ...sums } of items) {
    const own = bySession.get(id)!;
    const { durationNanoSum: _, ...expected } = recount(own);
    const times = own.map((row) => row.startTimeUnixNano).sort((a, b) => (a < b ? -1 : 1));
    expect([id, sums]).toEqual([id, expected]);
    expect([id, firstTimeUnixNano, lastTimeUnixNano]).toEqual([id, times[0], times.at(-1)]);
    const tracesOfOwn = own.filter((row) => row.traceId).map((row) => Buffer.from(row.traceId!).toString('hex'));
    expect(traces).toBe(new Set(tracesOfOwn).size);
    const users = new Set(own.map((row) => row.userId).filter((user) => user !== ''));
    expect(userIds).toEqual([...users].sort().slice(0, 20));
  }
}

async function expectUsersOfRows(store: GenerationReader, workspace: string, rows: readonly StoredGeneration[]) {
  const { items } = await store.listUsers({ workspace, limit: 1_000 });
  const byUser = groupedBy(
    rows.filter((row) => row.userId !== ''),
    (row) => row.userId,
  );
  expect(items.map(({ id }) => id).sort()).toEqual([...byUser.keys()].sort());
  for (const { id, requests, sessions } of items) {
    const own = byUser.get(id)!;
    expect([id, requests]).toEqual([id, own.filter((row) => row.counted).length]);
    expect(sessions).toBe(new Set(own.map((row) => row.sessionId).filter((session) => session !== '')).size);
  }
}
