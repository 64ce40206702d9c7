/** Rows of many streams are merged slice by slice: whatever their times, each comes once and in its place. */
import { expect, it } from 'vitest';
import { type Order, ordered, type Stream, walk } from '../../../src/store/telemetry/sqlite/walk.js';
import { randomSource } from '../../helpers/records.js';

interface Place {
  time: bigint;
  id: number;
}

const NEWEST_FIRST: Order<Place> = {
  ascending: false,
  timeOf: ({ time }) => time,
  compare: (a, b) => Number(b.time - a.time) || b.id - a.id,
};

function streamOf(places: readonly Place[], order: Order<Place>): Stream<Place> {
  const sorted = places.toSorted(order.compare);
  const rest = (after: Place | undefined) => sorted.filter((place) => !after || order.compare(place, after) > 0);
  const times = places.map(({ time }) => Number(time));
  return {
    latestTime: BigInt(Math.max(...times)),
    earliestTime: BigInt(Math.min(...times)),
    placeAfter: (after, rows) => rest(after)[rows - 1],
    between: (after, end) => rest(after).filter((place) => !end || order.compare(place, end) <= 0),
  };
}

it.each([1, 2, 3, 4])('rows of equal times, at which slices end, are left out or come twice (seed %i)', (seed) => {
  const random = randomSource(seed);
  let id = 0;
  const blocks = Array.from({ length: 12 }, () => {
    const from = random() % 8;
    return Array.from({ length: 1 + (random() % 60) }, () => ({ time: BigInt(from + (random() % 3)), id: id++ }));
  });
  for (const ascending of [true, false]) {
    const order = ordered(NEWEST_FIRST, ascending);
    const streams = blocks.map((places) => streamOf(places, order));
    const found: Place[] = [];
    for (const { matches } of walk(streams, { order, after: undefined, firstRows: 1 })) found.push(...matches);
    expect(found).toEqual(blocks.flat().sort(order.compare));
  }
});
