import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/api/paging.js';
import { parseQueryString } from '../../src/api/query-string.js';
import { parseTime } from '../../src/api/time.js';

describe('times in queries', () => {
  const nanos = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n;

  it.each([
    ['1767225600123', 1_767_225_600_123_000_000n],
    ['0', 0n],
    ['2026-01-01', nanos('2026-01-01T00:00:00Z')],
    ['2026-01-01T10:00', nanos('2026-01-01T10:00:00Z')],
    ['2026-01-01T10:00:05Z', nanos('2026-01-01T10:00:05Z')],
    ['2026-01-01T10:00:05.123456789Z', nanos('2026-01-01T10:00:05Z') + 123_456_789n],
    ['2026-01-01T10:00:05.1234567891234Z', nanos('2026-01-01T10:00:05Z') + 123_456_789n],
    ['2026-01-01T10:00:05.5+02:00', nanos('2026-01-01T08:00:05Z') + 500_000_000n],
    ['2026-01-01T10:00:05-05:30', nanos('2026-01-01T15:30:05Z')],
    // A plus that nobody encoded arrives as a space.
    ['2026-01-01T10:00:05 02:00', nanos('2026-01-01T08:00:05Z')],
    ['1969-01-01', 0n],
    ['9999-01-01', 2n ** 63n - 1n],
  ])('%s is understood to the nanosecond', (text, expected) => {
    expect(parseTime(text)).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '2026-02-30',
    '2026-13-01',
    '2026-01-01T25:00',
    '1.5',
    '-5',
    '1e3',
    '1767225600123456789',
    '2026',
  ])('%s is refused rather than guessed', (text) => {
    // '2026' alone is 2,026 ms after the epoch by the rule; everything else is no time at all.
    expect(parseTime(text)).toBe(text === '2026' ? 2_026_000_000n : undefined);
  });
});

describe('query strings', () => {
  it('keep dots, brackets and repeated names of attributes', () => {
    const query = parseQueryString(
      'attributes[gen_ai.system]=openai&attributes[a]=1&attributes[a]=2&x=1&x=2&attributes[b[0]]=%3D',
    );
    expect(query).toEqual({ attributes: { 'gen_ai.system': 'openai', a: ['1', '2'], 'b[0]': '=' }, x: ['1', '2'] });
  });

  it('can not reach the prototype', () => {
    const query = parseQueryString('__proto__[polluted]=1&constructor[prototype]=1&a[__proto__]=1');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(query)).toEqual(['__proto__', 'constructor', 'a']);
  });
});

describe('cursors', () => {
  const keyset = { timeUnixNano: 18446744073709551615n, id: 'block:7:é' };

  it('come back as they were handed out', () => {
    expect(decodeCursor('trace', encodeCursor('trace', keyset))).toEqual(keyset);
  });

  it('of one list are refused by another', () => {
    expect(decodeCursor('log', encodeCursor('trace', keyset))).toBeUndefined();
  });

  it.each([
    '',
    'garbage',
    '%%%',
    Buffer.from('trace:x:y').toString('base64url'),
    Buffer.from('trace:1:').toString('base64url'),
  ])('that nobody handed out are refused: %s', (cursor) => {
    expect(decodeCursor('trace', cursor)).toBeUndefined();
  });

  it('with something appended are refused', () => {
    expect(decodeCursor('trace', `${encodeCursor('trace', keyset)}!`)).toBeUndefined();
  });
});
