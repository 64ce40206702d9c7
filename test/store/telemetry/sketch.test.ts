import { expect, test } from 'vitest';
import { Sketch } from '../../../src/store/telemetry/sketch.js';
import { randomSource } from '../../helpers/records.js';

const QUANTILES = [0, 0.5, 0.95, 0.99, 1] as const;

/** From nanoseconds to weeks, and some of no duration. */
function durations(seed: number, count: number): number[] {
  const random = randomSource(seed);
  return Array.from({ length: count }, () =>
    random() % 50 === 0 ? 0 : Math.floor(Math.exp((random() / 2 ** 32) * 35)),
  );
}

function sketchOf(values: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value, 1);
  return sketch;
}

test('a percentile is off by more than 1 %', () => {
  for (const seed of [1, 2, 3]) {
    const values = durations(seed, 1000);
    const sorted = values.toSorted((a, b) => a - b);
    const found = sketchOf(values).quantiles(QUANTILES);
    for (const [at, quantile] of QUANTILES.entries()) {
      const exact = sorted[Math.floor(quantile * (values.length - 1))]!;
      expect(Math.abs(found[at]! - exact)).toBeLessThanOrEqual(exact * 0.0101);
    }
  }
});

test('the value of a rank is taken from its neighbour', () => {
  const values = [1, 1_000, 1_000_000];
  const sketch = sketchOf(values);
  const quantiles = [0, 0.5, 1] as const;
  for (const found of [sketch.quantiles(quantiles), Sketch.quantilesOf([sketch.encode()], quantiles)]) {
    for (const [at, exact] of values.entries())
      expect(Math.abs(found[at]! - exact)).toBeLessThanOrEqual(exact * 0.0101);
  }
});

test('what is merged from encoded parts differs from what is added at once', () => {
  const values = durations(4, 3000);
  const merged = new Sketch();
  for (let at = 0; at < values.length; at += 100) merged.mergeEncoded(sketchOf(values.slice(at, at + 100)).encode());
  expect(merged.encode()).toEqual(sketchOf(values).encode());
  const [first, second] = [values.slice(0, 1000), values.slice(1000)];
  for (const parts of [[first, second], [values]]) {
    const encoded = parts.map((part) => sketchOf(part).encode());
    expect(Sketch.merged(encoded).encode()).toEqual(sketchOf(values).encode());
    expect(Sketch.quantilesOf(encoded, QUANTILES)).toEqual(sketchOf(values).quantiles(QUANTILES));
  }
});

test('what is taken away leaves a trace, whichever comes first', () => {
  const [kept, gone] = [durations(5, 500), durations(6, 500)];
  const correction = new Sketch();
  for (const value of gone) correction.add(value, -1);
  const merged = new Sketch();
  merged.mergeEncoded(correction.encode());
  merged.mergeEncoded(sketchOf([...kept, ...gone]).encode());
  expect(merged.encode()).toEqual(sketchOf(kept).encode());
});

test('a sketch of nothing has percentiles', () => {
  const sketch = sketchOf([5]);
  sketch.add(5, -1);
  expect(sketch.encode()).toHaveLength(0);
  expect(sketch.quantiles([0.5])).toEqual([undefined]);
  expect(Sketch.quantilesOf([sketch.encode()], [0, 0.5])).toEqual([undefined, undefined]);
  expect(Sketch.quantilesOf([], [0.5])).toEqual([undefined]);
});

test('counts past 32 bits, or the longest of all durations, come back changed', () => {
  const sketch = new Sketch();
  sketch.add(2 ** 64, 2 ** 40 + 1);
  sketch.add(0, 3);
  const read = new Sketch();
  read.mergeEncoded(sketch.encode());
  expect(read.encode()).toEqual(sketch.encode());
  expect(Sketch.merged([sketch.encode()]).encode()).toEqual(sketch.encode());
  read.add(2 ** 64, -(2 ** 40));
  read.add(0, -3);
  const one = sketchOf([2 ** 64]);
  expect(read.encode()).toEqual(one.encode());
});

test('a value past all buckets that are counted in an array is left out of percentiles', () => {
  const huge = 2 ** 200;
  const encoded = [sketchOf([1, huge]).encode(), sketchOf([huge]).encode()];
  expect(Sketch.quantilesOf(encoded, QUANTILES)).toEqual(sketchOf([1, huge, huge]).quantiles(QUANTILES));
});
