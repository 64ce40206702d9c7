import { describe, expect, it } from 'vitest';
import { assign, heaviest } from '../../src/registry/split.js';

type Weights = Record<string, number>;

const UNITS = Array.from({ length: 100_000 }, (_, unit) => `user-${unit}`);

function variantsOf(weights: Weights) {
  return Object.entries(weights).map(([version, weight]) => ({ version: { version }, weight }));
}

function assignAll(weights: Weights, seed = 'production'): string[] {
  const variants = variantsOf(weights);
  return UNITS.map((unit) => assign(variants, seed, unit).version.version);
}

function sharesOf(assigned: string[]): Weights {
  const counts: Weights = {};
  for (const version of assigned) counts[version] = (counts[version] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).map(([version, count]) => [version, count / assigned.length]));
}

/** Five standard deviations of a share that is drawn so often. */
function tolerance(share: number): number {
  return 5 * Math.sqrt((share * (1 - share)) / UNITS.length);
}

describe('a split', () => {
  it.each<Weights>([
    { a: 90, b: 10 },
    { a: 1, b: 1 },
    { a: 50, b: 30, c: 20 },
    { a: 999, b: 1 },
    { a: 0.5, b: 0.25, c: 0.25 },
  ])('of %j is right over 100,000 units', (weights) => {
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    const shares = sharesOf(assignAll(weights));
    for (const [version, weight] of Object.entries(weights)) {
      const expected = weight / sum;
      expect(Math.abs((shares[version] ?? 0) - expected), version).toBeLessThan(tolerance(expected));
    }
  });

  it('gives a unit the same version each time, in whatever order they are named', () => {
    const assigned = assignAll({ a: 70, b: 30 });
    expect(assignAll({ a: 70, b: 30 })).toEqual(assigned);
    expect(assignAll({ b: 30, a: 70 })).toEqual(assigned);
    expect(assignAll({ a: 7, b: 3 })).toEqual(assigned);
  });

  it('moves units to the version that grows alone, as many as it grows by', () => {
    const before = assignAll({ a: 60, b: 30, c: 10 });
    const after = assignAll({ a: 60, b: 30, c: 30 });
    const moved = UNITS.flatMap((_, at) => (before[at] === after[at] ? [] : [after[at]]));
    expect(new Set(moved)).toEqual(new Set(['c']));
    const grown = 30 / 120 - 10 / 100;
    expect(Math.abs(moved.length / UNITS.length - grown)).toBeLessThan(tolerance(grown) * 2);
  });

  it('that goes from 90:10 to 80:20 moves a tenth of the units, in one direction', () => {
    const before = assignAll({ a: 90, b: 10 });
    const after = assignAll({ a: 80, b: 20 });
    const moves = UNITS.flatMap((_, at) => (before[at] === after[at] ? [] : [`${before[at]} to ${after[at]}`]));
    expect(new Set(moves)).toEqual(new Set(['a to b']));
    expect(Math.abs(moves.length / UNITS.length - 0.1)).toBeLessThan(tolerance(0.1) * 2);
  });

  it('leaves those of the others where they are when a version is taken out', () => {
    const before = assignAll({ a: 50, b: 30, c: 20 });
    const after = assignAll({ a: 50, b: 30 });
    expect(UNITS.filter((_, at) => before[at] !== 'c' && before[at] !== after[at])).toEqual([]);
  });

  it('of one label has nothing to do with that of another', () => {
    const weights = { a: 50, b: 50 };
    const one = assignAll(weights, 'production');
    const other = assignAll(weights, 'staging');
    const both = UNITS.filter((_, at) => one[at] === 'a' && other[at] === 'a').length / UNITS.length;
    expect(Math.abs(both - 0.25)).toBeLessThan(tolerance(0.25));
  });

  it('never gives anybody a version of weight 0 while another has one', () => {
    expect(sharesOf(assignAll({ a: 0, b: 1 }))).toEqual({ b: 1 });
  });

  it('has the largest share first, of equal ones the one that is named first', () => {
    const heavy = (weights: Weights) => heaviest(variantsOf(weights)).version.version;
    expect([heavy({ a: 1, b: 2 }), heavy({ a: 2, b: 2 }), heavy({ a: 3, b: 2 })]).toEqual(['b', 'a', 'a']);
  });
});
