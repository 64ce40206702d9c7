/** A repricing over a real store: every row has the cost of the new prices, and the sums follow. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Component } from '../../src/component.js';
import { putPrice } from '../../src/pricing/changes.js';
import { nopPricingEvents } from '../../src/pricing/events.js';
import { createPriceBook } from '../../src/pricing/price-book.js';
import { createPriceList } from '../../src/pricing/prices.js';
import { createRepricer } from '../../src/pricing/repricer.js';
import type { GenerationReader } from '../../src/store/telemetry/generations.js';
import { OPERATOR } from '../helpers/access.js';
import { generationSpan } from '../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../helpers/records.js';
import { sqliteCase } from '../store/control/dialects.js';
import { Session } from '../store/telemetry/session.js';
import { makeSqliteStore, readerThreads } from '../store/telemetry/sqlite-files.js';

const pool = readerThreads();

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const DAY_MS = 86_400_000;
const BASE_UNIX_MS = Number(BASE_TIME_UNIX_NANO / 1_000_000n);
const RANGE = { workspace: 'default', fromUnixMs: BASE_UNIX_MS - DAY_MS, toUnixMs: BASE_UNIX_MS + DAY_MS };

describe('a repricing of stored generations', () => {
  it('gives each the cost at the prices of now, and the sums follow', async () => {
    const place = await sqliteCase.makePlace();
    closing.push(() => place.remove());
    const control = await place.open();
    await control.start();
    const target = await makeSqliteStore(pool, { blockMaxSpans: 8 });
    closing.push(() => target.dispose());
    const session = new Session(target);
    const source = recordSource(31);
    for (let batch = 0; batch < 6; batch++) {
      const spans = Array.from({ length: 4 }, (_, at) =>
        generationSpan(source, {
          cost: undefined,
          usage: { input: 100 + at, output: 10 },
          responseModel: '',
          requestModel: ['gpt-4o', 'own-model', 'nobody-knows-it', 'gpt-4o-mini'][at]!,
        }),
      );
      await session.writeOne({ spans });
    }

    const prices = createPriceList({ control, events: nopPricingEvents });
    const writer = await target.writer();
    const repricer = createRepricer({
      control,
      owner: () => 'me',
      refreshPrices: () => prices.refresh(),
      events: nopPricingEvents,
      rowsPerStep: 5,
      step: async (step) => {
        const book = createPriceBook(prices.snapshot().prices);
        return writer.reprice!(step, (generation) => book.costOf(step.workspace, generation));
      },
    });
    for (const component of [prices, repricer] satisfies Component[]) {
      await component.start();
      closing.push(() => component.shutdown({ deadlineMs: 5000 }));
    }
    const reader = target.store as typeof target.store & GenerationReader;
    const sumOf = async () => {
      const { fromUnixMs, toUnixMs, workspace } = RANGE;
      const range = {
        fromUnixMs: fromUnixMs - (fromUnixMs % DAY_MS),
        toUnixMs: toUnixMs - (toUnixMs % DAY_MS) + DAY_MS,
      };
      const query = { workspace, ...range, grain: 'day', series: false, groupBy: [], filters: {} } as const;
      return (await reader.readUsage(query))[0];
    };
    expect(await sumOf()).toMatchObject({ requests: 24, unpriced: 24, picodollars: 0n });

    const key = { workspace: 'default', pattern: 'own-*', provider: '', serviceTier: '', validFromUnixMs: 0 };
    await putPrice(control, OPERATOR, { key, rates: { input: '1', output: '2' } }, {});
    const { id } = await control.transaction(async ({ repricings, changes }) => {
      const job = await repricings.create(RANGE, 1);
      await changes.announce({ topic: 'repricings', workspace: 'default' });
      return job;
    });
    const job = await vi.waitFor(async () => {
      const found = await control.repricings.get('default', id);
      expect(found?.status).toBe('done');
      return found;
    }, 20_000);
    expect(job).toMatchObject({ examined: 24, changed: 18 });

    const { items } = await reader.listGenerations({ workspace: 'default', limit: 100 });
    const costs = new Map(items.map(({ requestModel, cost }) => [requestModel, cost?.picodollars]));
    expect(Object.fromEntries(costs)).toEqual({
      'gpt-4o': 100n * 2_500_000n + 10n * 10_000_000n,
      'own-model': 101n * 1_000_000n + 10n * 2_000_000n,
      'nobody-knows-it': undefined,
      'gpt-4o-mini': 103n * 150_000n + 10n * 600_000n,
    });
    const total = items.reduce((sum, { cost }) => sum + (cost?.picodollars ?? 0n), 0n);
    expect(await sumOf()).toMatchObject({ requests: 24, unpriced: 6, picodollars: total });
  });
});
