import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { nopPricingEvents } from '../../src/pricing/events.js';
import { createRepricer, type RepricerOptions } from '../../src/pricing/repricer.js';
import type { Repricing } from '../../src/store/control/repricings.js';
import type { ControlStore } from '../../src/store/control/store.js';
import type { RepriceResult, RepriceStep } from '../../src/store/telemetry/generations.js';
import { type Place, sqliteCase } from '../store/control/dialects.js';

const TIMEOUT_MS = 10_000;
const SOON = { pollMs: 20, retryMs: { first: 1, most: 5 } };

let place: Place;
let store: ControlStore;
const running: Component[] = [];
beforeEach(async () => {
  place = await sqliteCase.makePlace();
  store = await place.open();
  await store.start();
});
afterEach(async () => {
  for (const repricer of running.splice(0)) await repricer.shutdown({ deadlineMs: 5000 });
  await place.remove();
});

async function run(options: Pick<RepricerOptions, 'step'> & Partial<RepricerOptions>): Promise<Component> {
  const repricer = createRepricer({ control: store, owner: () => 'me', events: nopPricingEvents, ...SOON, ...options });
  running.push(repricer);
  await repricer.start();
  return repricer;
}

function begin(workspace = 'default'): Promise<Repricing> {
  return store.transaction(async ({ repricings, changes }) => {
    const job = await repricings.create({ workspace, fromUnixMs: 5, toUnixMs: 9 }, 1);
    await changes.announce({ topic: 'repricings', workspace });
    return job;
  });
}

async function ended(job: Repricing): Promise<Repricing> {
  return vi.waitFor(async () => {
    const found = await store.repricings.get(job.workspace, job.id);
    expect(found?.status).not.toBe('running');
    return found!;
  }, TIMEOUT_MS);
}

/** A store of so many rows, of which every second has another cost until it is priced. */
function fakeStore(rows: number, limit: number) {
  const priced = new Set<number>();
  const steps: RepriceStep[] = [];
  const step = async (asked: RepriceStep): Promise<RepriceResult> => {
    steps.push(asked);
    const from = Number(asked.after ?? 0);
    const to = Math.min(rows, from + limit);
    let changed = 0;
    for (let row = from; row < to; row++) {
      if (row % 2 === 0 && !priced.has(row)) changed++;
      priced.add(row);
    }
    return { examined: to - from, changed, next: to === rows ? undefined : String(to) };
  };
  return { step, steps, priced };
}

describe('a repricing', () => {
  it('goes through the range step by step, and tells what it did', async () => {
    const rows = fakeStore(25, 10);
    await run({ step: rows.step, rowsPerStep: 10 });
    const job = await ended(await begin());
    expect(job).toMatchObject({ status: 'done', examined: 25, changed: 13, error: undefined });
    expect(job.finishedTimeUnixMs).toBeGreaterThan(0);
    const range = { workspace: 'default', fromUnixNano: 5_000_000n, toUnixNano: 9_000_000n, limit: 10 };
    expect(rows.steps).toEqual([undefined, '10', '20'].map((after) => ({ ...range, after })));
  });

  it('that waits from before the start is taken up, and those that are asked for are worked on one at a time', async () => {
    const jobs = [await begin('a'), await begin('b'), await begin('a')];
    const order: string[] = [];
    let open = 0;
    await run({
      pollMs: 60_000,
      step: async ({ workspace, after }) => {
        expect(++open).toBe(1);
        order.push(workspace);
        await new Promise(setImmediate);
        open--;
        return { examined: 1, changed: 0, next: after === undefined ? 'more' : undefined };
      },
    });
    for (const job of jobs) expect(await ended(job)).toMatchObject({ status: 'done', examined: 2 });
    expect(order).toEqual(['a', 'a', 'b', 'b', 'a', 'a']);
    // Heard, long before the next look.
    expect(await ended(await begin())).toMatchObject({ status: 'done' });
  });

  it('knows the prices of when it was asked for: they are read anew before its first step', async () => {
    const order: string[] = [];
    await run({
      refreshPrices: async () => void order.push('prices'),
      step: async () => {
        order.push('step');
        return { examined: 0, changed: 0, next: undefined };
      },
    });
    await ended(await begin());
    expect(order.slice(order.indexOf('step') - 1)[0]).toBe('prices');
  });

  it('is broken off by a shutdown after the step that runs, and goes on there after a restart', async () => {
    const rows = fakeStore(50, 10);
    let reached = () => {};
    const third = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const first = await run({
      step: async (step) => {
        const result = await rows.step(step);
        if (rows.steps.length === 3) {
          reached();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return result;
      },
    });
    const job = await begin();
    await third;
    await first.shutdown({ deadlineMs: 5000 });
    await first.shutdown({ deadlineMs: 5000 });
    expect(await store.repricings.get('default', job.id)).toMatchObject({
      status: 'running',
      examined: 30,
      cursor: '30',
    });
    // Another gateway takes it at once: it was let go.
    await run({ step: rows.step, owner: () => 'another' });
    expect(await ended(job)).toMatchObject({ status: 'done', examined: 50, changed: 25 });
    expect(rows.steps.map(({ after }) => after)).toEqual([undefined, '10', '20', '30', '40']);
  });

  it('whose last step was not noted by a process that died is done again, and counts nothing changed twice', async () => {
    const rows = fakeStore(30, 10);
    const job = await begin();
    const lease = { owner: 'me', nowUnixMs: Date.now(), untilUnixMs: Date.now() + 600_000 };
    await store.repricings.claim(lease);
    const limit = { workspace: 'default', fromUnixNano: 0n, toUnixNano: 1n, after: undefined, limit: 10 };
    await rows.step(limit);
    await run({ step: rows.step });
    expect(await ended(job)).toMatchObject({ status: 'done', examined: 30, changed: 10 });
    expect(rows.priced.size).toBe(30);
  });

  it('waits for a store that is away, however often', async () => {
    const rows = fakeStore(10, 10);
    const delays: unknown[] = [];
    let refusals = 8;
    await run({
      events: { ...nopPricingEvents, repricingDelayed: (error) => void delays.push(error) },
      step: async (step) => {
        if (refusals-- > 0) throw new GatewayError('STORE_UNAVAILABLE', 'away');
        return rows.step(step);
      },
    });
    expect(await ended(await begin())).toMatchObject({ status: 'done', examined: 10 });
    expect(delays).toHaveLength(8);
  });

  it('fails with its reason when a fault stays, and the next one is worked on', async () => {
    const ends: unknown[] = [];
    await run({
      events: { ...nopPricingEvents, repricingEnded: (id, outcome) => void ends.push([id, outcome.status]) },
      step: async ({ workspace }) => {
        if (workspace === 'bad') throw new GatewayError('VALIDATION_FAILED', 'no such cursor');
        return { examined: 1, changed: 1, next: undefined };
      },
    });
    const [bad, good] = [await begin('bad'), await begin('good')];
    expect(await ended(bad)).toMatchObject({ status: 'failed', error: 'no such cursor' });
    expect(await ended(good)).toMatchObject({ status: 'done' });
    expect(ends).toEqual([
      [bad.id, 'failed'],
      [good.id, 'done'],
    ]);
  });

  it('survives a control store that refuses for a while', async () => {
    const rows = fakeStore(30, 10);
    let refusals = 0;
    const flaky = (target: ControlStore['repricings']): ControlStore['repricings'] =>
      new Proxy(target, {
        get: (of, name) => {
          const method = Reflect.get(of, name) as (...values: unknown[]) => Promise<unknown>;
          return async (...values: unknown[]) => {
            if (++refusals % 2 === 1) throw new GatewayError('STORE_UNAVAILABLE', 'away');
            return method.apply(of, values);
          };
        },
      });
    const control = { repricings: flaky(store.repricings), onChange: store.onChange };
    await run({ step: rows.step, control });
    expect(await ended(await begin())).toMatchObject({ status: 'done', examined: 30, changed: 15 });
  });

  it('that another gateway took over is left to it', async () => {
    const job = await begin();
    let steps = 0;
    let now = 1000;
    await run({
      now: () => now,
      leaseMs: 1,
      pollMs: 60_000,
      step: async () => {
        steps++;
        now += 10;
        await store.repricings.claim({ owner: 'other', nowUnixMs: now, untilUnixMs: 1e15 });
        return { examined: 1, changed: 0, next: 'more' };
      },
    });
    await vi.waitFor(() => expect(steps).toBe(1), TIMEOUT_MS);
    const lease = { owner: 'other', nowUnixMs: now, untilUnixMs: 1e15 };
    expect(await store.repricings.advance(job.id, { cursor: 'x', examined: 7, changed: 0 }, lease)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(steps).toBe(1);
    expect(await store.repricings.get('default', job.id)).toMatchObject({ status: 'running', examined: 7 });
  });
});
