import { describe, expect, it } from 'vitest';
import { doubleText, durationMillis, hex, integerText, snakeCaseMembers } from '../../src/api/json-text.js';
import { randomSource } from '../helpers/records.js';

function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      (name === 'attributes' || name === 'filteredAttributes') && typeof member === 'object'
        ? member
        : snakeCased(member),
    ]),
  );
}

/** Random JSON with the characters that mislead a scanner, in names and in values. */
function randomJson(random: () => number, depth: number): unknown {
  const awkward = ['', 'a"b', 'back\\', '\\"', 'camelCase', '{"x":', '[]', 'é☃', 'attributes', 'timeUnixNano', ':'];
  const word = () => awkward[random() % awkward.length]!;
  const kind = random() % (depth > 3 ? 4 : 7);
  if (kind === 0) return random();
  if (kind === 1) return [null, true, 1.5, -2][random() % 4];
  if (kind < 4) return word();
  if (kind === 4) return Array.from({ length: random() % 4 }, () => randomJson(random, depth + 1));
  return Object.fromEntries(Array.from({ length: random() % 5 }, () => [word(), randomJson(random, depth + 1)]));
}

describe('OTLP member names in the case of this API', () => {
  it('are renamed at every depth, and nothing else is, in thousands of random documents', () => {
    const random = randomSource(7);
    for (let round = 0; round < 5000; round++) {
      const value = randomJson(random, 0);
      const indent = round % 3;
      expect(JSON.parse(snakeCaseMembers(JSON.stringify(value, null, indent)))).toEqual(snakeCased(value));
    }
  });

  it("leave the sender's attribute names and the spelling of numbers alone", () => {
    const events = '[{"timeUnixNano":"5","attributes":{"userId":1.0,"a}b":"\\"]","big":{"$int":"9007199254740993"}}}]';
    expect(snakeCaseMembers(events)).toBe(events.replace('timeUnixNano', 'time_unix_nano'));
  });

  it('take no more than linear time in a value full of backslashes', () => {
    const text = JSON.stringify([{ timeUnixNano: '1', name: '\\"'.repeat(200_000) }]);
    expect(JSON.parse(snakeCaseMembers(text))[0].time_unix_nano).toBe('1');
  });
});

describe('numbers', () => {
  it.each([
    [0n, '0'],
    [-1n, '-1'],
    [2n ** 53n - 1n, '9007199254740991'],
    [-(2n ** 53n - 1n), '-9007199254740991'],
    [2n ** 53n, '{"$int":"9007199254740992"}'],
    [-(2n ** 53n), '{"$int":"-9007199254740992"}'],
    [-(2n ** 63n), '{"$int":"-9223372036854775808"}'],
  ])('the integer %s is written exactly', (value, text) => {
    expect(integerText(value)).toBe(text);
  });

  it.each([
    [1, '1.0'],
    [-0, '-0.0'],
    [0.25, '0.25'],
    [1e300, '1e+300'],
    [Number.NaN, '{"$double":"NaN"}'],
    [Number.NEGATIVE_INFINITY, '{"$double":"-Infinity"}'],
  ])('the double %s stays a double', (value, text) => {
    expect(doubleText(value)).toBe(text);
  });

  it('a span that ends before it starts has no negative duration', () => {
    expect(durationMillis(5n, 3n)).toBe(0);
    expect(durationMillis(1_000_000n, 2_500_001n)).toBe(1.500001);
  });

  it('an id that is a view into a larger buffer is its own bytes only', () => {
    expect(hex(new Uint8Array([9, 1, 2, 255]).subarray(1))).toBe('0102ff');
  });
});
