import { describe, expect, it } from 'vitest';
import { isExactRate, readRate, writeRate } from '../../src/pricing/decimal.js';

describe('a rate', () => {
  it.each([
    ['2.5', 2_500_000n],
    [2.5, 2_500_000n],
    ['0', 0n],
    ['.5', 500_000n],
    ['10.', 10_000_000n],
    [1e-7, 0n],
    ['1e-3', 1000n],
    ['1E2', 100_000_000n],
    [0.18000000000000002, 180_000n],
    [0.08333333333333334, 83_333n],
    ['0.0000005', 0n],
    ['0.0000015', 2n],
    ['0.0000025', 2n],
    ['0.00000250000001', 3n],
    ['0.9999995', 1_000_000n],
  ])('of %s is in whole picodollars per token, rounded half to even', (rate, picodollars) => {
    expect(readRate(rate)).toBe(picodollars);
  });

  it.each([
    '',
    '.',
    '-1',
    '+1',
    '1,5',
    '0x10',
    'NaN',
    'Infinity',
    '1e',
    ' 1',
    '1e999',
    '9'.repeat(31),
    Number.NaN,
    -0.5,
  ])('that is no number from 0 is none: %s', (rate) => {
    expect(readRate(rate)).toBeUndefined();
    expect(isExactRate(rate)).toBe(false);
  });

  it('with a seventh decimal that says something is not exact', () => {
    for (const rate of ['0.0000001', 1e-7, '1.2345678', '1e-7'])
      expect([rate, isExactRate(rate)]).toEqual([rate, false]);
    for (const rate of ['0.000001', '1.2000000', 3, '1e-6']) expect([rate, isExactRate(rate)]).toEqual([rate, true]);
  });

  it('is written as the shortest decimal, which reads back as it was', () => {
    const written = [0n, 1n, 75_000n, 2_500_000n, 10n ** 12n, 123_456_789n].map(writeRate);
    expect(written).toEqual(['0', '0.000001', '0.075', '2.5', '1000000', '123.456789']);
    for (const text of written) expect(writeRate(readRate(text)!)).toBe(text);
  });
});
