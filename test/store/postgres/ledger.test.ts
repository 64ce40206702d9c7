import { describe, expect, it } from 'vitest';
import { gaps } from '../../../src/store/telemetry/postgres/ledger.js';

describe('what of a range is not applied', () => {
  it.each([
    [[], [[1, 10]]],
    [[[1, 10]], []],
    [[[0, 50]], []],
    [[[1, 3]], [[4, 10]]],
    [[[8, 20]], [[1, 7]]],
    [
      [
        [3, 4],
        [6, 6],
      ],
      [
        [1, 2],
        [5, 5],
        [7, 10],
      ],
    ],
    [
      [
        [0, 1],
        [2, 9],
      ],
      [[10, 10]],
    ],
  ])('of 1 to 10, with %j applied, %j is left', (applied, left) => {
    const range = ([first, last]: number[]) => ({ first: first!, last: last! });
    expect(gaps({ first: 1, last: 10 }, applied.map(range))).toEqual(left.map(range));
  });
});
