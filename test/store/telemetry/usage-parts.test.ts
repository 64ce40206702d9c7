/** What is remembered of blocks never disagrees with their rows, whoever changes them. */
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Span } from '../../../src/model/telemetry.js';
import type { UsageQuery } from '../../../src/store/telemetry/generations.js';
import { BlockReader } from '../../../src/store/telemetry/sqlite/block-reader.js';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { UsageParts } from '../../../src/store/telemetry/sqlite/usage-parts.js';
import { cost, generationSpan } from '../../helpers/generations.js';
import { randomSource, recordSource } from '../../helpers/records.js';
import { Session } from './session.js';
import { openSqliteStore } from './sqlite-files.js';

const EVER = { workspace: 'default', fromUnixMs: 0, toUnixMs: 4_102_444_800_000, grain: 'day' } as const;
const QUERIES: UsageQuery[] = [
  { ...EVER, series: true, groupBy: [], filters: {} },
  { ...EVER, series: false, groupBy: ['model', 'prompt'], filters: {} },
  { ...EVER, series: true, groupBy: ['user'], filters: {} },
  { ...EVER, series: false, groupBy: ['session'], filters: {} },
  { ...EVER, series: true, groupBy: [], filters: { user: 'u-1' } },
];

async function openTarget() {
  const target = await openSqliteStore({ blockMaxSpans: 40 });
  const reader = new SqliteReader(target.directory);
  onTestFinished(() => reader.close());
  const session = new Session(target);
  const write = async (spans: Span[]) => void (await session.writeOne({ spans }));
  return { directory: target.directory, writer: await target.writer(), reader, write };
}

function fromRows(directory: string) {
  const fresh = new SqliteReader(directory);
  try {
    return QUERIES.map((query) => fresh.readUsage(query));
  } finally {
    fresh.close();
  }
}

it.each([1, 2])('writes, versions, deletions and prices are seen at once (seed %i)', async (seed) => {
  const random = randomSource(seed);
  const source = recordSource(seed);
  const { directory, writer, reader, write } = await openTarget();
  const pick = <Value>(values: readonly Value[]) => values[Math.floor(random() % values.length)]!;
  const sent: Span[] = [];
  const call = () =>
    generationSpan(source, {
      requestModel: pick(['a', 'b']),
      promptName: pick(['p', 'q']),
      userId: pick(['u-1', 'u-2']),
      sessionId: pick(['s-1', 's-2', 's-3']),
      usage: { input: random() % 1000, output: random() % 100 },
    });
  const actions = [
    async () => {
      const spans = Array.from({ length: 10 }, call);
      sent.push(...spans);
      await write(spans);
    },
    () => write([{ ...pick(sent), statusCode: 2, endTimeUnixNano: pick(sent).endTimeUnixNano + 1_000_000n }]),
    () =>
      writer.deleteTraces([
        { workspace: 'default', traceId: pick(sent).traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
      ]),
    () => {
      const price = BigInt(random() % 1_000_000);
      const step = { workspace: 'default', fromUnixNano: 0n, toUnixNano: 2n ** 62n, after: undefined, limit: 20 };
      return writer.reprice(step, () => cost(price));
    },
  ];
  await actions[0]!();
  for (let at = 0; at < 20; at++) {
    await pick(actions)();
    expect(QUERIES.map((query) => reader.readUsage(query))).toEqual(fromRows(directory));
  }
});

it('a block that nobody changed is not read for its sums again, and one that grew is', async () => {
  const { reader, write } = await openTarget();
  const source = recordSource(4);
  for (let batch = 0; batch < 3; batch++) await write(Array.from({ length: 40 }, () => generationSpan(source, {})));
  const read = () => reader.readUsage(QUERIES[0]!);
  read();
  const reads = vi.spyOn(BlockReader.prototype, 'iterateArrays');
  onTestFinished(() => reads.mockRestore());
  const before = read();
  expect(reads).not.toHaveBeenCalled();
  await write([generationSpan(source, {})]);
  expect(read()[0]!.requests + (read()[1]?.requests ?? 0)).toBeGreaterThan(before[0]!.requests);
  expect(reads).toHaveBeenCalled();
});

it('sums that are too many to keep are right as well', async () => {
  const { directory, write } = await openTarget();
  const reader = new SqliteReader(directory, { usagePartsBytes: 8 * 1024 });
  onTestFinished(() => reader.close());
  const source = recordSource(5);
  const spans = Array.from({ length: 30 }, (_, at) => generationSpan(source, { sessionId: `s-${at}` }));
  await write(spans);
  const query = QUERIES[3]!;
  const found = [reader.readUsage(query), reader.readUsage(query)];
  await write([generationSpan(source, { sessionId: 's-new' })]);
  expect(found[1]).toEqual(found[0]);
  expect(reader.readUsage(query)).toEqual(fromRows(directory)[3]);
});

it('what one connection saw of a block is taken for what another one sees, whose versions have the same numbers', () => {
  const parts = new UsageParts(2 ** 20);
  const read = vi.fn(() => []);
  const of = (connection: number) =>
    parts.of({ file: 'block.db', connection, dataVersion: () => 1 } as BlockReader, 'query', read);
  for (const connection of [1, 1, 2]) of(connection);
  expect(read).toHaveBeenCalledTimes(2);
});
