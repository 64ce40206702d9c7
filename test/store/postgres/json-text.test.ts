import { describe, expect, it } from 'vitest';
import { readableJson } from '../../../src/store/telemetry/postgres/json-text.js';

describe('JSON that Postgres can read', () => {
  it('text without unreadable escapes is changed', () => {
    const texts = [
      '{}',
      '"\\n\\t\\"\\\\"',
      '"\\u00e9"',
      '"\\ud83e\\udd9c"',
      '"\\\\u0000"',
      '"\\\\\\\\ud800"',
      '"\\uD83E\\uDD9C"',
    ];
    for (const text of texts) expect(readableJson(text)).toBe(text);
  });

  it('an unreadable escape stays, or takes its neighbours along', () => {
    const cases = [
      ['"a\\u0000b"', '"a\ufffdb"'],
      ['"\\\\\\u0000"', '"\\\ufffd"'],
      ['"\\ud83e"', '"\ufffd"'],
      ['"\\udd9c\\ud83e"', '"\ufffd\ufffd"'],
      ['"\\ud83e\\ud83e\\udd9c"', '"\ufffd🦜"'],
      ['"\\uD800\\u0000\\uDFFF"', '"\ufffd\ufffd\ufffd"'],
    ] as const;
    for (const [text, readable] of cases) {
      expect([text, JSON.parse(readableJson(text))]).toEqual([text, readable.slice(1, -1).replace('\\\\', '\\')]);
    }
  });
});
