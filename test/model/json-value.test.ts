import { describe, expect, it } from 'vitest';
import { parseAttributes, parseJson, parseValue, type TypedValue, toOtlpAnyValue } from '../../src/model/json-value.js';

const CASES: [string, TypedValue, string][] = [
  ['null', { kind: 'empty' }, '{}'],
  ['"a\\u0000\\"b"', { kind: 'string', value: 'a\0"b' }, '{"stringValue":"a\\u0000\\"b"}'],
  ['true', { kind: 'bool', value: true }, '{"boolValue":true}'],
  ['42', { kind: 'int', value: 42n }, '{"intValue":"42"}'],
  ['{"$int":"9223372036854775807"}', { kind: 'int', value: 2n ** 63n - 1n }, '{"intValue":"9223372036854775807"}'],
  ['1.0', { kind: 'double', value: 1 }, '{"doubleValue":1}'],
  ['-0.0', { kind: 'double', value: -0 }, '{"doubleValue":-0.0}'],
  ['1e+300', { kind: 'double', value: 1e300 }, '{"doubleValue":1e+300}'],
  ['{"$double":"-Infinity"}', { kind: 'double', value: Number.NEGATIVE_INFINITY }, '{"doubleValue":"-Infinity"}'],
  ['{"$bytes":"AQI="}', { kind: 'bytes', value: 'AQI=' }, '{"bytesValue":"AQI="}'],
  [
    '[1, [] ]',
    {
      kind: 'array',
      values: [
        { kind: 'int', value: 1n },
        { kind: 'array', values: [] },
      ],
    },
    '{"arrayValue":{"values":[{"intValue":"1"},{"arrayValue":{"values":[]}}]}}',
  ],
  [
    '{"__proto__":null}',
    { kind: 'kvlist', entries: [['__proto__', { kind: 'empty' }]] },
    '{"kvlistValue":{"values":[{"key":"__proto__","value":{}}]}}',
  ],
  [
    '{"$map":{"$int":"1"}}',
    { kind: 'kvlist', entries: [['$int', { kind: 'string', value: '1' }]] },
    '{"kvlistValue":{"values":[{"key":"$int","value":{"stringValue":"1"}}]}}',
  ],
];

describe('parseValue', () => {
  it.each(CASES)('%s is read as another type, or written as one', (text, value, otlp) => {
    expect(parseValue(text)).toEqual(value);
    expect(toOtlpAnyValue(value)).toBe(otlp);
  });

  it('a double that a database wrote out in digits becomes an integer', () => {
    expect(parseValue(`1${'0'.repeat(300)}`)).toEqual({ kind: 'double', value: 1e300 });
  });

  it('an attribute that is called like a tag is taken for one', () => {
    expect(parseAttributes('{"$int":"5"}')).toEqual([['$int', { kind: 'string', value: '5' }]]);
  });

  it.each(['', '{', '[1', '[1,]', '{"a":1,}', '{"a":}', '{"a" 1}', '{1:2}', '"a', '1 2', 'nul', ']'])(
    '%j is taken for JSON',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );

  it('a text of millions of escapes overflows the stack', () => {
    expect(parseValue(JSON.stringify('\n'.repeat(3e6)))).toMatchObject({ kind: 'string' });
  });
});
