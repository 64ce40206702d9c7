import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accessSettings } from '../../src/access/config.js';
import { hashKey, makeKey } from '../../src/access/key.js';
import { Lru } from '../../src/access/lru.js';
import { parseScopes, readScopes, writeScopes } from '../../src/access/scopes.js';

describe('a key', () => {
  it('is pm_ and 64 hex digits, each time others', () => {
    const keys = Array.from({ length: 100 }, makeKey);
    for (const key of keys) expect(key).toMatch(/^pm_[0-9a-f]{64}$/);
    expect(new Set(keys).size).toBe(100);
  });

  it('has the hash that existing installations have stored', () => {
    const expected = createHmac('sha256', 'salt-of-sixteen-c').update('pm_abc').digest('hex');
    expect(hashKey('salt-of-sixteen-c', 'pm_abc')).toBe(expected);
    expect(hashKey('salt-of-sixteen-d', 'pm_abc')).not.toBe(expected);
  });
});

describe('scopes', () => {
  it.each([
    ['read', 'read'],
    ['read,write', 'read,write'],
    [' write ,  read ', 'read,write'],
    ['admin,read,admin,', 'read,admin'],
  ])('%j are written %j', (text, canonical) => {
    expect(writeScopes(parseScopes(text))).toBe(canonical);
  });

  it.each(['', ' , ', 'banana', 'read,Write', 'read;write', 'read write', '*'])('%j are refused', (text) => {
    expect(() => parseScopes(text)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
  });

  it('of a key that an earlier program made: spaces are trimmed, and an unknown word grants nothing', () => {
    expect([...readScopes('read, write')]).toEqual(['read', 'write']);
    expect([...readScopes('banana')]).toEqual([]);
  });
});

describe('settings', () => {
  it('ask everyone but loopback peers for a key, and make a salt when none is set', () => {
    const settings = { apiAuth: 'required', otlpAuth: 'auto', auditTelemetry: 'all', lastUsedDebounceMs: 60_000 };
    expect(accessSettings.parse({})).toEqual(settings);
  });

  it('a debounce of 0 is the default, as clients of the settings know it', () => {
    expect(accessSettings.parse({ lastUsedDebounceMs: '0' }).lastUsedDebounceMs).toBe(60_000);
    expect(accessSettings.parse({ lastUsedDebounceMs: '5' }).lastUsedDebounceMs).toBe(5);
  });

  it.each([{ apiKeySalt: 'fifteen letters' }, { apiAuth: 'maybe' }, { otlpAuth: '' }, { lastUsedDebounceMs: '-1' }])(
    '%j fails at start',
    (settings) => expect(accessSettings.safeParse(settings).success).toBe(false),
  );
});

describe('a bounded map', () => {
  it('lets go of what was not asked for the longest time, and says so', () => {
    const evicted: [string, number][] = [];
    const lru = new Lru<string, number>(2, (key, value) => void evicted.push([key, value]));
    lru.set('a', 1);
    lru.set('b', 2);
    lru.get('a');
    lru.peek('b');
    lru.set('c', 3);
    expect(evicted).toEqual([['b', 2]]);
    expect([...lru]).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
  });

  it('replaces what is there, in its place, and nothing else', () => {
    const lru = new Lru<string, number>(2);
    lru.set('a', 1);
    lru.set('b', 2);
    lru.replace('a', 10);
    lru.replace('z', 26);
    lru.set('c', 3);
    expect([...lru]).toEqual([
      ['b', 2],
      ['c', 3],
    ]);
  });
});
