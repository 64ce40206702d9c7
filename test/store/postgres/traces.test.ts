import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { batchOf, daysFromToday, openSetting, type Setting } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('Postgres trace list', () => {
  let setting: Setting;
  beforeEach(async () => {
    setting = await openSetting(server!);
  });
  afterEach(() => setting.close());

  const names = async (query: object) => {
    const page = await setting.store.listTraces({ workspace: 'default', limit: 10, ...query });
    return page.items.map((trace) => trace.name);
  };

  it('a trace that goes on for days is one, whatever is asked of it', async () => {
    const writer = await setting.writer();
    const source = recordSource(1);
    const [root, ...children] = source.trace(4).map((span, at) => ({
      ...span,
      startTimeUnixNano: daysFromToday(at - 4),
      endTimeUnixNano: daysFromToday(at - 4) + 1n,
      statusCode: at === 3 ? 2 : 0,
      attributes: `{"step":${at}}`,
    }));
    for (const [at, child] of children.reverse().entries()) await writer.write(batchOf(at + 1, [child]));
    await writer.write(batchOf(9, [root!]));
    const other = source.span({ name: 'other', startTimeUnixNano: daysFromToday(-1) });
    await writer.write(batchOf(10, [other]));
    expect(await names({})).toEqual(['other', 'root']);
    expect(await names({ status: 'error' })).toEqual(['root']);
    expect(await names({ status: 'ok' })).toEqual(['other']);
    expect(await names({ minDurationNano: 3n * 86_400_000_000_000n })).toEqual(['root']);
    expect(await names({ attributes: [{ key: 'step', value: '3' }] })).toEqual(['root']);
    expect(await names({ name: 'root' })).toEqual(['root']);
    expect(await names({ status: 'error', fromUnixNano: daysFromToday(-2) })).toEqual([]);
    expect(await names({ status: 'error', toUnixNano: daysFromToday(-3) })).toEqual(['root']);
  });

  it('when many traces have failed, the same ones are found as when few have', async () => {
    const writer = await setting.writer();
    const source = recordSource(2);
    const spans = Array.from({ length: 2_400 }, (_, at) =>
      source.span({
        startTimeUnixNano: daysFromToday(0) + BigInt(at),
        name: `${at}`,
        statusCode: at % 2 === 0 ? 2 : 1,
      }),
    );
    await writer.write(batchOf(1, spans));
    expect(await names({ status: 'error', limit: 3 })).toEqual(['2398', '2396', '2394']);
    const few = { fromUnixNano: spans[2_390]!.startTimeUnixNano, limit: 3 };
    expect(await names({ status: 'error', ...few })).toEqual(['2398', '2396', '2394']);
    expect(await names({ status: 'ok', ...few })).toEqual(['2399', '2397', '2395']);
  });

  it('times further apart than 64 bits fail no query', async () => {
    const writer = await setting.writer();
    const source = recordSource(3);
    const absurd = source.span({ name: 'absurd', startTimeUnixNano: 2n ** 63n, endTimeUnixNano: 2n ** 63n - 1n });
    await writer.write(batchOf(1, [absurd, source.span({ name: 'sane', endTimeUnixNano: 0n })]));
    expect(await names({ minDurationNano: 1n })).toEqual(['absurd']);
  });
});
