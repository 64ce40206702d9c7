import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Turns, Unfinished } from '../../../receivers/native/turns.js';
import { GatewayError } from '../../../src/errors.js';
import { Random } from '../../otlp/random-request.js';

describe('turns', () => {
  it('two that share a key are under way at once, or wait for one another for ever', async () => {
    const random = new Random(3);
    const turns = new Turns(60_000);
    const taken = new Set<string>();
    const started: number[] = [];
    const deeds = Array.from({ length: 200 }, (_, i) => {
      const keys = [...new Set(Array.from({ length: random.below(5) }, () => `k${random.below(8)}`))];
      return turns.take(keys, async () => {
        started.push(i);
        expect(keys.filter((key) => taken.has(key))).toEqual([]);
        for (const key of keys) taken.add(key);
        await turn();
        for (const key of keys) taken.delete(key);
        if (i % 7 === 0) throw new Error('failed');
      });
    });
    await Promise.allSettled(deeds);
    expect(started).toHaveLength(200);
    expect(turns.size).toBe(0);
  });

  it('one who takes a key alone has it beside those who share it, or they wait for one another', async () => {
    const random = new Random(4);
    const turns = new Turns(60_000);
    const alone = new Set<string>();
    const shared: string[] = [];
    let mostSharers = 0;
    const deeds = Array.from({ length: 200 }, (_, i) => {
      const key = `k${random.below(3)}`;
      if (i % 4 > 0) {
        const share = async () => {
          expect(alone).not.toContain(key);
          mostSharers = Math.max(mostSharers, shared.push(key));
          await turn();
          shared.splice(shared.indexOf(key), 1);
        };
        return turns.take([`own ${i}`], share, [key]);
      }
      return turns.take([key], async () => {
        expect(shared).not.toContain(key);
        expect(alone).not.toContain(key);
        alone.add(key);
        await turn();
        alone.delete(key);
      });
    });
    await Promise.all(deeds);
    expect(mostSharers).toBeGreaterThan(3);
    expect(turns.size).toBe(0);
  });

  it('those of one key are served in another order than they came', async () => {
    const turns = new Turns(60_000);
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((i) => turns.take(['k', 'k'], async () => void order.push(i))));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('keys pile up without a bound', async () => {
    const turns = new Turns(60_000);
    const keys = Array.from({ length: 250_000 }, (_, i) => `${i}`);
    let finish = () => {};
    const first = turns.take(keys, () => new Promise<void>((resolve) => (finish = resolve)));
    await expect(turns.take(['one more'], async () => {})).rejects.toMatchObject({
      code: 'OVERLOADED',
      retryable: true,
    });
    await turn();
    finish();
    await first;
    expect(turns.size).toBe(0);
    await turns.take(['one more'], async () => {});
  });
});

describe('a deed that goes on after its answer', () => {
  const failure = new GatewayError('STORE_UNAVAILABLE', 'not yet');

  it('gives its turn to the next before it has ended', async () => {
    const turns = new Turns(60_000);
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const first = turns.take(['k'], () => Promise.reject(new Unfinished(failure, ended)));
    await expect(first).rejects.toBe(failure);
    const order: string[] = [];
    const second = turns.take(['k'], async () => void order.push('second'));
    await turn();
    order.push('ended');
    end();
    await second;
    expect(order).toEqual(['ended', 'second']);
    expect(turns.size).toBe(0);
  });

  it('makes the next wait for ever, or lets one behind it come before', async () => {
    const turns = new Turns(5);
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    await expect(turns.take(['k'], () => Promise.reject(new Unfinished(failure, ended)))).rejects.toBe(failure);
    const second = turns.take(['k'], async () => 'second');
    await expect(second).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    let served = false;
    const third = turns.take(['k'], async () => {
      served = true;
    });
    await expect(third).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(served).toBe(false);
    end();
    await turn();
    expect(turns.size).toBe(0);
    expect(await turns.take(['k'], async () => 'fourth')).toBe('fourth');
  });

  it('without a key is told as what wraps it', async () => {
    const alone = new Turns(5).take([], () => Promise.reject(new Unfinished(failure, Promise.resolve())));
    await expect(alone).rejects.toBe(failure);
  });
});
