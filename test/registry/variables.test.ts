import { describe, expect, it } from 'vitest';
import { type Declarations, settle } from '../../src/registry/variables.js';

const declared = (type: string, more: object = {}) => ({ x: { type, required: false, ...more } }) as Declarations;

const faultsOf = (declarations: Declarations, given: object): string[] => {
  try {
    settle(declarations, given as Record<string, unknown>);
    return [];
  } catch (error) {
    return (error as { details: { fields: string[] } }).details.fields;
  }
};

describe('values for declared variables', () => {
  const samples = { string: 'a', number: 0, boolean: false, array: [], object: {} };

  it.each(Object.keys(samples))('of type %s are of that type alone, however empty they are', (type) => {
    for (const [given, value] of Object.entries({ ...samples, nothing: null })) {
      const article = /^[aeiou]/.test(type) ? 'an' : 'a';
      const expected = given === type ? [] : [`"variables.x" must be ${article} ${type}`];
      expect([given, faultsOf(declared(type), { x: value })]).toEqual([given, expected]);
    }
  });

  it('that are missing or wrong are named, all at once', () => {
    const declarations: Declarations = {
      ...declared('string', { required: true }),
      n: { type: 'number', required: true },
      optional: { type: 'array', required: false },
    };
    expect(faultsOf(declarations, { n: '1' })).toEqual(['"variables.x" is required', '"variables.n" must be a number']);
  });

  it('have their default when they are not sent, required or not, and only then', () => {
    expect(settle(declared('number', { default: 3, required: true }), {})).toEqual({ x: 3 });
    expect(settle(declared('number', { default: 3 }), { x: 0 })).toEqual({ x: 0 });
    expect(faultsOf(declared('number', { default: '3' }), {})).toEqual([
      'the default of "variables.x" must be a number',
    ]);
  });

  it('that are not declared pass, whatever they are called', () => {
    const given = JSON.parse('{"free":[null],"constructor":1}');
    expect(settle({}, given)).toEqual(given);
    const declarations = JSON.parse('{"constructor":{"type":"string","required":true}}');
    expect(faultsOf(declarations, {})).toEqual(['"variables.constructor" is required']);
  });
});
