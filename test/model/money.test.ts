import { describe, expect, it } from 'vitest';
import { dollarsText, MAX_PICODOLLARS, picodollarsOf } from '../../src/model/money.js';

describe('picodollars', () => {
  it.each([
    ['0', 0n],
    ['12', 12_000_000_000_000n],
    ['0.00021', 210_000_000n],
    ['.5', 500_000_000_000n],
    ['7.', 7_000_000_000_000n],
    ['2.1e-4', 210_000_000n],
    ['1E+3', 1_000_000_000_000_000n],
    ['0.0000000000019', 1n],
    [' 3 ', 3_000_000_000_000n],
    ['-0', 0n],
  ])('of %s are not exact', (text, picodollars) => {
    expect(picodollarsOf(text)).toBe(picodollars);
  });

  it.each(['', '.', '-1', 'NaN', '1,5', '0x10', 'Infinity', '1e999', '9'.repeat(20), '1e', '--1'])(
    'are made of %j, which is no amount',
    (text) => {
      expect(picodollarsOf(text)).toBeUndefined();
    },
  );

  it.each([0n, 1n, 210_000_000n, 12_000_000_000_000n, 1_500_000_000_000n, MAX_PICODOLLARS])(
    '%s come back as others from the text that they are written as',
    (picodollars) => {
      expect(picodollarsOf(dollarsText(picodollars))).toBe(picodollars);
    },
  );

  it('below zero are written without their sign', () => {
    expect(dollarsText(-500_000_000_000n)).toBe('-0.5');
  });
});
