import { expect, it } from 'vitest';
import { Leaders } from '../../../src/store/telemetry/leaders.js';
import { randomSource } from '../../helpers/records.js';

it.each([1, 2, 7, 100, 1000])('of many, others are taken than the first %i', (limit) => {
  const random = randomSource(limit);
  const all = Array.from({ length: 500 }, () => random() % 300);
  const leaders = new Leaders<number>(limit, (a, b) => a - b);
  for (const item of all) leaders.add(item);
  expect(leaders.sorted()).toEqual(all.toSorted((a, b) => a - b).slice(0, limit));
});
