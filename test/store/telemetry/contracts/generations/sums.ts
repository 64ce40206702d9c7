/** Sums that are never anything but those of the rows. */
import { describe, expect, test } from 'vitest';
import type { UsageRow } from '../../../../../src/store/telemetry/generations.js';
import { cost, generationSpan } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { randomWrites } from './random-writes.js';
import { BASE_MS, type GenerationSession, MINUTE, SECOND } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function sumContract(open: OpenSession<GenerationSession>): void {
  describe('sums', () => {
    test('a batch that is replayed, or a request that is sent again, counts again', async () => {
      const session = await open();
      const source = recordSource(22);
      const frames = Array.from({ length: 4 }, (_, at) =>
        session.frame({ spans: [generationSpan(source, { sessionId: `s${at % 2}` })] }),
      );
      await session.write(frames);
      await session.write(frames);
      await session.target.reopen();
      await session.write(frames.slice(1, 3), { writer: 1 });
      await session.writeOne({ spans: frames.flatMap(({ spans }) => spans) });
      expect(await session.requests()).toBe(4);
      await expectSumsOfRows(session);
    });

    test('dimensions of several sets are answered with wrong sums', async () => {
      const session = await open();
      for (const query of [
        { groupBy: ['user', 'model'] as const },
        { groupBy: ['user'] as const, filters: { session: 's' } },
      ]) {
        await expect(session.usage(query)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
      }
    });

    test('sums past 64 bits are cut', async () => {
      const session = await open();
      const source = recordSource(23);
      const most = 2n ** 62n;
      const spans = Array.from({ length: 5 }, () =>
        generationSpan(source, { cost: cost(most), sessionId: 's', durationNano: most }),
      );
      for (const span of spans) await session.writeOne({ spans: [span] });
      const [row] = await session.usage();
      expect(row).toMatchObject({ picodollars: 5n * most, durationNanoSum: 5n * most });
      expect(await session.reader.getSession('default', 's')).toMatchObject({ picodollars: 5n * most });
    });

    test('sums are cut that have 64 bits only when several models, or days, are added up', async () => {
      const session = await open();
      const source = recordSource(231);
      const most = 2n ** 62n;
      const spans = Array.from({ length: 6 }, (_, at) =>
        generationSpan(source, {
          cost: cost(most),
          responseModel: `model-${at % 3}`,
          startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(at % 2) * 86_400n * SECOND,
          durationNano: 2n ** 53n + 1n,
        }),
      );
      await session.writeOne({ spans });
      const small = generationSpan(source, { cost: cost(7n), responseModel: 'model-3', durationNano: 5n });
      await session.writeOne({ spans: [small] });
      for (const series of [false, true]) {
        for (const groupBy of [[], ['model'] as const]) {
          const rows = await session.usage({ series, groupBy });
          expect(rows).toHaveLength((series ? 2 : 1) * (groupBy.length > 0 ? 3 : 1) + groupBy.length);
          const sum = (of: (row: UsageRow) => bigint) => rows.reduce((total, row) => total + of(row), 0n);
          expect(sum(({ picodollars }) => picodollars)).toBe(6n * most + 7n);
          expect(sum(({ durationNanoSum }) => durationNanoSum)).toBe(6n * (2n ** 53n + 1n) + 5n);
        }
      }
    });

    test('a filter, or a time range, lets other calls in', async () => {
      const session = await open();
      const source = recordSource(24);
      const spans = Array.from({ length: 12 }, (_, at) =>
        generationSpan(
          source,
          { provider: `p${at % 2}`, promptName: `n${at % 3}`, userId: `u${at % 4}` },
          { startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(at) * 10n * MINUTE },
        ),
      );
      await session.writeOne({ spans });
      expect(await session.requests({ filters: { provider: 'p1' } })).toBe(6);
      expect(await session.requests({ filters: { provider: 'p1', prompt: 'n0' } })).toBe(2);
      expect(await session.requests({ filters: { user: 'u3' }, grain: 'minute' })).toBe(3);
      expect(await session.requests({ filters: { user: 'u9' } })).toBe(0);
      const hour = { fromUnixMs: BASE_MS, toUnixMs: BASE_MS + 3_600_000, grain: 'minute' } as const;
      expect(await session.requests(hour)).toBe(6);
      for (let fromUnixMs: number = BASE_MS; fromUnixMs < BASE_MS + 7_200_000; fromUnixMs += 600_000) {
        expect(await session.requests({ ...hour, fromUnixMs, toUnixMs: fromUnixMs + 600_000 })).toBe(1);
      }
      expect(await session.usage({ ...hour, series: true })).toHaveLength(6);
      const series = await session.usage({ grain: 'hour', series: true });
      expect(series.map(({ timeUnixMs }) => timeUnixMs)).toEqual([BASE_MS, BASE_MS + 3_600_000]);
    });

    test('an answer of few rows has others than the first by time and cost, or other sums', async () => {
      const session = await open({ blockMaxSpans: 10 });
      const source = recordSource(25);
      const spans = Array.from({ length: 30 }, (_, at) =>
        generationSpan(
          source,
          { sessionId: `s${at % 7}`, cost: cost(BigInt(((at * 5) % 7) * 1000)), isError: at % 2 === 0 },
          { startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(at) * 240n * MINUTE },
        ),
      );
      for (let at = 0; at < 30; at += 5) await session.writeOne({ spans: spans.slice(at, at + 5) });
      for (const query of [{ groupBy: ['session'] as const }, { groupBy: ['session'] as const, series: true }]) {
        const all = await session.usage(query);
        expect(all.length).toBeGreaterThan(6);
        for (const limit of [1, 2, 6, all.length, 10_000]) {
          expect(await session.usage({ ...query, limit })).toEqual(all.slice(0, limit));
        }
      }
    });

    test.each([101, 102, 103])('sums differ from a recount after random writes (seed %i)', async (seed) => {
      const session = await open({ blockMaxSpans: 25 });
      await randomWrites(session, seed);
      await expectSumsOfRows(session);
      await expectSumsOfRows(session, 'other');
    });
  });
}
