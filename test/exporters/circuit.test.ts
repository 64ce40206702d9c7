import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../exporters/backoff.js';
import { Circuit, type Pass } from '../../exporters/circuit.js';
import { Slots } from '../../exporters/slots.js';
import { range } from '../buffer/fixture.js';

const never = new AbortController().signal;

function circuitOf(retryInitialMs: number, circuitFailures = 3) {
  const changes: string[] = [];
  const circuit = new Circuit({
    config: { retryInitialMs, retryMaxMs: retryInitialMs, circuitFailures },
    opened: (reason) => changes.push(`open: ${reason}`),
    closed: () => changes.push('closed'),
  });
  return { circuit, changes };
}

async function failTimes(circuit: Circuit, times: number): Promise<void> {
  for (const _time of range(1, times)) circuit.failed((await circuit.enter(never))!, 'down');
}

/** Whether it may go within a moment that is short beside the waits of these tests. */
async function mayGo(circuit: Circuit): Promise<boolean> {
  const patience = new AbortController();
  const entering = circuit.enter(patience.signal);
  await sleep(20);
  patience.abort();
  const pass = await entering;
  if (pass) circuit.abandoned(pass);
  return pass !== undefined;
}

describe('a circuit', () => {
  it('opens with so many failures in a row, not before, and tells it once', async () => {
    const { circuit, changes } = circuitOf(60_000);
    await failTimes(circuit, 2);
    circuit.succeeded((await circuit.enter(never))!);
    await failTimes(circuit, 2);
    expect(circuit.isOpen).toBe(false);
    const underWay = await Promise.all([1, 2, 3].map(() => circuit.enter(never)));
    for (const pass of underWay) circuit.failed(pass!, 'down');
    expect(circuit.isOpen).toBe(true);
    expect(changes).toEqual(['open: down']);
    expect(await mayGo(circuit)).toBe(false);
  });

  it('lets one probe go at a time, and all others with its success', async () => {
    const { circuit, changes } = circuitOf(1);
    await failTimes(circuit, 3);
    const probe = (await circuit.enter(never))!;
    expect(probe.probe).toBe(true);
    expect(await mayGo(circuit)).toBe(false);
    const waiting = Promise.all([1, 2, 3].map(() => circuit.enter(never)));
    circuit.succeeded(probe);
    expect((await waiting).map((pass) => pass?.probe)).toEqual([false, false, false]);
    expect(changes).toEqual(['open: down', 'closed']);
  });

  it('lets the next probe go when one fails, or ends without an answer', async () => {
    const { circuit } = circuitOf(1);
    await failTimes(circuit, 3);
    const passes: (Pass | undefined)[] = [];
    for (const end of [(pass: Pass) => circuit.failed(pass, 'down'), (pass: Pass) => circuit.abandoned(pass)]) {
      const pass = (await circuit.enter(never))!;
      passes.push(pass);
      end(pass);
    }
    expect(passes).toEqual([{ probe: true }, { probe: true }]);
    expect(circuit.isOpen).toBe(true);
  });

  it('leaves a backend alone that names a time, though it is closed, until another request succeeds', async () => {
    const { circuit } = circuitOf(1);
    const other = (await circuit.enter(never))!;
    circuit.failed((await circuit.enter(never))!, 'busy', 60_000);
    expect(circuit.isOpen).toBe(false);
    expect(await mayGo(circuit)).toBe(false);
    circuit.succeeded(other);
    expect(await mayGo(circuit)).toBe(true);
  });

  it('lets go of who waits when the waiting is given up', async () => {
    const { circuit } = circuitOf(60_000, 1);
    await failTimes(circuit, 1);
    const abort = new AbortController();
    const waiting = circuit.enter(abort.signal);
    abort.abort();
    expect(await waiting).toBeUndefined();
    expect(await circuit.enter(abort.signal)).toBeUndefined();
  });
});

describe('the backoff', () => {
  it("is the Collector's: half as long again each time, give or take a half, up to a bound", () => {
    const config = { retryInitialMs: 5000, retryMaxMs: 30_000 };
    for (const [retries, middle] of [
      [0, 5000],
      [1, 7500],
      [2, 11_250],
      [9, 30_000],
      [10_000, 30_000],
    ] as const) {
      const waits = range(1, 200).map(() => backoffMs(config, retries));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(middle * 0.5);
      expect(Math.max(...waits)).toBeLessThanOrEqual(middle * 1.5);
      expect(new Set(waits).size).toBeGreaterThan(100);
    }
  });
});

describe('slots', () => {
  it('are never more than there are, and go to who waits longest', async () => {
    const slots = new Slots(2);
    await slots.acquire();
    await slots.acquire();
    const order: number[] = [];
    const waiting = [1, 2].map((one) => slots.acquire().then(() => order.push(one)));
    expect(slots.used).toBe(2);
    slots.release();
    slots.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2]);
    slots.release();
    slots.release();
    expect(slots.used).toBe(0);
  });
});
