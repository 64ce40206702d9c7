/** When things happen: the last 24 hours, busy by day. */
import type { Chance } from './chance.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The longest visit: nothing may end after now. */
const LATEST_MS = 15 * 60_000;

/** Visits in each hour (UTC), of shops whose customers sleep at night and write in the evening. */
const VISITS = [3, 2, 1, 1, 1, 2, 4, 8, 13, 17, 19, 18, 15, 16, 18, 17, 15, 14, 15, 17, 16, 12, 8, 5];
/** A batch starts after midnight. */
const NIGHT = [0, 4, 6, 4, 1];

export interface Day {
  visit(): number;
  night(): number;
}

/** Unix milliseconds, of the latest such time of day: the hours are the same whenever it runs. */
export function createDay(chance: Chance, nowUnixMs: number): Day {
  const end = nowUnixMs - LATEST_MS;
  const momentIn = (weights: readonly number[]) => {
    const timeOfDay = (hourIn(weights, chance) + chance.share()) * HOUR_MS;
    const midnight = end - (end % DAY_MS);
    return Math.floor(midnight + timeOfDay <= end ? midnight + timeOfDay : midnight + timeOfDay - DAY_MS);
  };
  return { visit: () => momentIn(VISITS), night: () => momentIn(NIGHT) };
}

function hourIn(weights: readonly number[], chance: Chance): number {
  let left = chance.share() * weights.reduce((sum, weight) => sum + weight, 0);
  const hour = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return Math.max(0, hour);
}
