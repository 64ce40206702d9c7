import { expect, test } from 'vitest';
import { rollupsOf } from '../../../src/store/telemetry/rollup-changes.js';
import { type Call, RollupBatch, SUM_COLUMNS, Tally } from '../../../src/store/telemetry/rollups.js';

const MINUTE_NANO = 60_000_000_000n;

function callOf(overrides: Partial<Call> = {}): Call {
  return {
    workspace: 'default',
    startTimeUnixNano: 1_760_000_000_000_000_000n,
    durationNano: 1n,
    isError: false,
    isUnpriced: false,
    usage: {},
    picodollars: undefined,
    model: 'gpt-4o',
    provider: 'openai',
    prompt: '',
    version: '',
    environment: '',
    user: '',
    session: '',
    ...overrides,
  };
}

function sumOf(tally: Tally, column: (typeof SUM_COLUMNS)[number]): bigint {
  return tally.amounts[SUM_COLUMNS.indexOf(column)]!;
}

test('a sum past 2^53 loses its last digits, or does not come back to zero', () => {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  const calls = [most, most, most - 1n, most + 1n, 2n ** 80n + 1n, 7n, 1n].map((amount, at) =>
    callOf({
      picodollars: amount,
      durationNano: at % 2 === 0 ? amount : 3n,
      usage: { input: Number.MAX_SAFE_INTEGER },
    }),
  );
  const tally = new Tally();
  for (const call of calls) tally.add(call, 1);
  expect(sumOf(tally, 'picodollars')).toBe(calls.reduce((sum, { picodollars }) => sum + picodollars!, 0n));
  expect(sumOf(tally, 'duration_nano')).toBe(calls.reduce((sum, { durationNano }) => sum + durationNano, 0n));
  expect(sumOf(tally, 'input_tokens')).toBe(most * BigInt(calls.length));
  for (const call of calls) tally.add(call, -1);
  expect(tally.amounts).toEqual(SUM_COLUMNS.map(() => 0n));
});

test('a call in between is added to what the one before it has in common with the one after it', () => {
  const batch = new RollupBatch();
  const [a, b] = [callOf({ usage: { input: 1 } }), callOf({ usage: { input: 10 }, model: 'other', user: 'u' })];
  for (const call of [a, b, a, { ...a, workspace: 'second' }, b]) batch.add(call);
  const days = rollupsOf(batch.changes()).filter(({ grain }) => grain === 86_400);
  const inputOf = (workspace: string, dimensions: number, key: readonly string[]) =>
    days
      .filter((row) => row.workspace === workspace && row.dimensions === dimensions && row.key === JSON.stringify(key))
      .map(({ tally }) => sumOf(tally, 'input_tokens'));
  expect(inputOf('default', 0, ['gpt-4o', 'openai', '', '', ''])).toEqual([2n]);
  expect(inputOf('default', 0, ['other', 'openai', '', '', ''])).toEqual([20n]);
  expect(inputOf('second', 0, ['gpt-4o', 'openai', '', '', ''])).toEqual([1n]);
  expect(inputOf('default', 1, [''])).toEqual([2n]);
  expect(inputOf('default', 1, ['u'])).toEqual([20n]);
});

test('the first or the last nanosecond of a minute is added to its neighbour, or a time past 2262 to another', () => {
  const start = 29_000_000n * MINUTE_NANO;
  const late = 2n ** 64n - 1n;
  const times = [start, start + MINUTE_NANO - 1n, start + MINUTE_NANO, start - 1n, late, 0n, 59_999_999_999n];
  const batch = new RollupBatch();
  for (const startTimeUnixNano of times) batch.add(callOf({ startTimeUnixNano }));
  const minutes = rollupsOf(batch.changes()).filter(({ grain, dimensions }) => grain === 60 && dimensions === 0);
  expect(minutes.map(({ time, tally }) => [time, tally.amounts[0]])).toEqual([
    [0, 3n],
    [28_999_999 * 60, 1n],
    [29_000_000 * 60, 2n],
    [29_000_001 * 60, 1n],
  ]);
});
