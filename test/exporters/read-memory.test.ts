import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReadMemory } from '../../exporters/read-memory.js';

const IDLE_MS = 1000;

describe('memory that ranges are read into', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is taken again when it came back, and is never in two hands', () => {
    const memory = new ReadMemory(IDLE_MS);
    const first = memory.take(1000);
    const second = memory.take(1000);
    expect(second).not.toBe(first);
    memory.giveBack(first);
    expect(memory.take(first.length)).toBe(first);
    expect(memory.take(1000)).not.toBe(first);
  });

  it('is large enough, whatever came back', () => {
    const memory = new ReadMemory(IDLE_MS);
    memory.giveBack(memory.take(1));
    const large = memory.take(10_000_000);
    expect(large.length).toBeGreaterThanOrEqual(10_000_000);
    memory.giveBack(large);
    memory.giveBack(memory.take(1));
    expect(memory.take(10_000_000)).toBe(large);
  });

  it('is let go when nothing needed it for a while, and nothing is left running', () => {
    const memory = new ReadMemory(IDLE_MS);
    const [used, unused] = [memory.take(1), memory.take(1)];
    memory.giveBack(unused);
    memory.giveBack(used);
    for (let looks = 0; looks < 3; looks += 1) {
      vi.advanceTimersByTime(IDLE_MS);
      expect(memory.take(1)).toBe(used);
      memory.giveBack(used);
    }
    expect(memory.take(1)).toBe(used);
    expect(memory.take(1)).not.toBe(unused);
    vi.advanceTimersByTime(3 * IDLE_MS);
    expect(vi.getTimerCount()).toBe(0);
  });
});
