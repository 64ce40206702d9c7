import { describe, expect, it } from 'vitest';
import { Waiting } from '../../src/registry/waiting.js';
import type { PromptVersion } from '../../src/store/control/prompt-version.js';

const rowOf = (id: number) => ({ id }) as PromptVersion;

describe('versions that wait', () => {
  it('are listed though their request still goes on, once it is known that it failed', async () => {
    const rows = [rowOf(1), rowOf(2)];
    const waiting = new Waiting({ pending: async () => rows });
    expect(await waiting.list(() => true)).toEqual([]);
    expect(waiting.any).toBe(false);
    waiting.add(rows[1]!);
    expect(await waiting.list(() => true)).toEqual([rows[1]]);
  });

  it('do not hold up others once another gateway has brought them to their end', async () => {
    let rows = [rowOf(1)];
    const waiting = new Waiting({ pending: async () => rows });
    await waiting.list(() => false);
    expect(waiting.any).toBe(true);
    rows = [];
    await waiting.list(() => false);
    expect(waiting.any).toBe(false);
  });

  it('that come while the others are read are not forgotten', async () => {
    const waiting: Waiting = new Waiting({
      pending: async () => {
        waiting.add(rowOf(7));
        return [];
      },
    });
    await waiting.list(() => false);
    expect(waiting.any).toBe(true);
  });
});
