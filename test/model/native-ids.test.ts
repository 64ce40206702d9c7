import { describe, expect, it } from 'vitest';
import { hexOfId, parseSpanId, parseTraceId } from '../../src/model/native-ids.js';
import { LogTimes, logIdOf, logTimeOf } from '../../src/model/native-log-ids.js';

const HEX = '5b8efff798038103d269b633813fc60c';
const DASHED = '5b8efff7-9803-8103-d269-b633813fc60c';
const SPELLINGS = [
  HEX,
  HEX.toUpperCase(),
  DASHED,
  DASHED.toUpperCase(),
  DASHED.replaceAll('-', ':'),
  `{${DASHED}}`,
  `[${DASHED}]`,
  `(${HEX})`,
];

describe('GUIDs', () => {
  it.each(SPELLINGS)('%s is not taken for the bytes that it spells', (text) => {
    expect(hexOfId(parseTraceId(text)!)).toBe(HEX);
    expect(parseSpanId(text)).toEqual(parseSpanId(DASHED));
  });

  it.each([
    '',
    HEX.slice(1),
    `${HEX}0`,
    `{${HEX}`,
    `${HEX}}`,
    `{${HEX}]`,
    DASHED.replace('-', ':'),
    `${HEX}\n`,
    'g'.repeat(32),
    '0'.repeat(32),
    '00000000-0000-0000-0000-000000000000',
    'eee19b7ec3c1b1741',
    '0'.repeat(16),
  ])('%j is taken for an id', (text) => {
    expect(parseTraceId(text)).toBeUndefined();
    expect(parseSpanId(text)).toBeUndefined();
  });

  it('16 hex digits of a span id are not its bytes', () => {
    expect(hexOfId(parseSpanId('EEE19B7EC3C1B174')!)).toBe('eee19b7ec3c1b174');
    expect(parseTraceId('eee19b7ec3c1b174')).toBeUndefined();
  });

  it('GUIDs that differ in one digit share a span id, or one changes from version to version', () => {
    expect(hexOfId(parseSpanId(HEX)!)).toBe('ac4b2aa2e4ea076c');
    const ids = Array.from({ length: 256 }, (_, i) =>
      hexOfId(parseSpanId(HEX.slice(2) + (i + 256).toString(16).slice(1))!),
    );
    expect(new Set(ids).size).toBe(256);
  });
});

describe('ids of logs', () => {
  const T = 1_767_225_600_000;

  it('a log is not found by the time that its id tells', () => {
    const times = new LogTimes(
      () => 63,
      () => T,
    );
    for (let i = 0; i < 200; i++) {
      const time = times.next();
      expect(logTimeOf(logIdOf(time))).toBe(time);
    }
  });

  it('more than 64 in a millisecond, or a clock that goes back, give an id twice', () => {
    let now = T;
    const times = new LogTimes(
      () => 5,
      () => now,
    );
    const ids: number[] = [];
    for (let i = 0; i < 1000; i++) {
      if (i === 300) now -= 3_600_000;
      if (i === 600) now += 3_600_001;
      ids.push(logIdOf(times.next()));
    }
    expect(ids.every((id, i) => i === 0 || id > ids[i - 1]!)).toBe(true);
    expect(ids.every((id) => ((id >> 6) & 63) === 5)).toBe(true);
  });

  it('a gateway number that changes within a millisecond takes ids back', () => {
    let number = 9;
    const times = new LogTimes(
      () => number,
      () => T,
    );
    const before = times.next();
    number = 2;
    expect(times.next()).toBeGreaterThan(before);
  });

  it('two gateways give the same id in the same millisecond', () => {
    const ids = [0, 1, 63].flatMap((number) => {
      const times = new LogTimes(
        () => number,
        () => T,
      );
      return Array.from({ length: 64 }, () => logIdOf(times.next()));
    });
    expect(new Set(ids).size).toBe(3 * 64);
  });

  it('a gateway that has no number yet makes ids of another one, once it was asked in vain', () => {
    let number: number | undefined;
    const times = new LogTimes(
      () => {
        if (number === undefined) throw new Error('no number yet');
        return number;
      },
      () => T,
    );
    expect(() => times.next()).toThrow('no number yet');
    expect(() => times.next()).toThrow('no number yet');
    number = 7;
    expect((logIdOf(times.next()) >> 6) & 63).toBe(7);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('%d is taken for an id', (id) => expect(logTimeOf(id)).toBeUndefined());

  it('a record of another door has an id that is no integer', () => {
    expect(Number.isSafeInteger(logIdOf(1_767_225_600_000_999_999n))).toBe(true);
  });
});
