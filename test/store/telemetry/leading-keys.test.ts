/** Where there are thousands of sessions, those that cost most are found first, and the sums of these alone are read. */
import { expect, it, onTestFinished } from 'vitest';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { cost, generationSpan } from '../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../helpers/records.js';
import { Session } from './session.js';
import { openSqliteStore } from './sqlite-files.js';

const SESSIONS = 4100;
const NANOS_PER_DAY = 86_400_000_000_000n;
const EVER = { workspace: 'default', fromUnixMs: 0, toUnixMs: 4_102_444_800_000 } as const;

it('of thousands of sessions others are answered than those that cost most, or a part of their sums', async () => {
  const target = await openSqliteStore({ blockMaxSpans: SESSIONS });
  const session = new Session(target);
  const source = recordSource(26);
  const expected = new Map<string, { requests: number; picodollars: bigint }>();
  const call = (at: number, picodollars: bigint, days: bigint) => {
    const known = expected.get(`s${at}`) ?? { requests: 0, picodollars: 0n };
    expected.set(`s${at}`, { requests: known.requests + 1, picodollars: known.picodollars + picodollars });
    const times = { startTimeUnixNano: BASE_TIME_UNIX_NANO + days * NANOS_PER_DAY };
    return generationSpan(source, { sessionId: `s${at}`, cost: cost(picodollars) }, times);
  };
  // The costliest of the second block are among the cheapest of the first; one is past what a number holds exactly.
  await session.writeOne({ spans: Array.from({ length: SESSIONS }, (_, at) => call(at, BigInt(at % 1000), 0n)) });
  await session.writeOne({ spans: Array.from({ length: 50 }, (_, at) => call(at * 1000, 600n + BigInt(at), 3n)) });
  await session.writeOne({ spans: [call(7, 2n ** 60n + 1n, 3n), call(7, 2n ** 62n, 3n), call(8, 0n, 4n)] });

  const byCost = [...expected].sort(([a, sumsOfA], [b, sumsOfB]) => {
    if (sumsOfA.picodollars !== sumsOfB.picodollars) return sumsOfA.picodollars > sumsOfB.picodollars ? -1 : 1;
    return JSON.stringify([a]) < JSON.stringify([b]) ? -1 : 1;
  });
  const reader = new SqliteReader(target.directory);
  onTestFinished(() => reader.close());
  for (const grain of ['day', 'hour', 'minute'] as const) {
    for (const limit of [1, 60, 10_000]) {
      const rows = reader.readUsage({ ...EVER, grain, series: false, groupBy: ['session'], filters: {}, limit });
      const found = rows.map(({ group, requests, picodollars }) => [group.session, { requests, picodollars }]);
      expect(found).toEqual(byCost.slice(0, limit));
    }
  }
  const [most] = reader.readUsage({ ...EVER, grain: 'day', series: false, groupBy: ['session'], filters: {} });
  expect(most!.p99DurationNano).toBeGreaterThan(0);
});
