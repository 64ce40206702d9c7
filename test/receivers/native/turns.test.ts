import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../receivers/native/turns.js';
import { Random } from '../../otlp/random-request.js';

describe('turns', () => {
  it('two that share a key are under way at once, or wait for one another for ever', async () => {
    const random = new Random(3);
    const turns = new Turns();
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
    const turns = new Turns();
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
    const turns = new Turns();
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((i) => turns.take(['k', 'k'], async () => void order.push(i))));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('keys pile up without a bound', async () => {
    const turns = new Turns();
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
