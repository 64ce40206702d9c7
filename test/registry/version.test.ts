import { describe, expect, it } from 'vitest';
import { isVersion, sortKeyOf } from '../../src/registry/version.js';

describe('versions', () => {
  it('sort by their keys as Semantic Versioning orders them', () => {
    // The chain of section 11 of semver.org, and numbers that letters would put wrong.
    const ordered = [
      '0.0.1',
      '0.9.0',
      '0.10.0',
      '1.0.0-1',
      '1.0.0-2',
      '1.0.0-10',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-alpha-x',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1-rc.1',
      '1.0.1',
      '1.9.0',
      '1.10.0',
      '2.0.0',
      '10.0.0',
      `${'9'.repeat(20)}.0.0`,
    ];
    const keys = ordered.map(sortKeyOf);
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(byBytes).toEqual(keys);
    expect(new Set(keys).size).toBe(ordered.length);
  });

  it('with leading zeros are as high as without', () => {
    expect(sortKeyOf('01.002.0003')).toBe(sortKeyOf('1.2.3'));
  });

  it.each(['1.0.0', '01.02.03', '1.5.0-rc.1', '1.0.0-a-b.0'])('%s is one', (text) => {
    expect(isVersion(text)).toBe(true);
  });

  it.each([
    '',
    '1.0',
    '1.0.0.0',
    'v1.0.0',
    '1.0.0+build',
    '1.0.0-',
    '1.0.0-a..b',
    '1.0.0-x.lock',
    '1.0.0\n',
    '1.0.0-ä',
  ])('%j is none', (text) => expect(isVersion(text)).toBe(false));
});
