/** What differs from one call to the next, the same in every run. */
import { createRandom } from '../load.js';

export interface Chance {
  /** From 0, below 1. */
  share(): number;
  /** Whole, both ends included. */
  between(low: number, high: number): number;
  pick<Item>(items: readonly Item[]): Item;
  happens(share: number): boolean;
  /** Mostly near the median, now and then several times as much: as latencies are. */
  spread(median: number): number;
}

const WORDS = 2 ** 32;
const MOSTLY = 0.45;

export function createChance(seed: number): Chance {
  const random = createRandom(seed);
  const share = () => random() / WORDS;
  const between = (low: number, high: number) => low + Math.floor(share() * (high - low + 1));
  /** Of twelve even ones, a nearly normal one. */
  const normal = () => Array.from({ length: 12 }, share).reduce((sum, one) => sum + one, -6);
  return {
    share,
    between,
    pick: (items) => items[between(0, items.length - 1)]!,
    happens: (limit) => share() < limit,
    spread: (median) => median * Math.exp(MOSTLY * normal()),
  };
}
