import { describe, expect, it } from 'vitest';
import { isPromptName, keyOf, pathOf, tagOf } from '../../src/registry/paths.js';

const key = (name: string, workspace = 'default', version = '1.0.0') => ({ workspace, name, version });

describe('the path of a version', () => {
  it.each([
    [key('welcome'), 'prompts/welcome/1.0.0'],
    [key('support/eu/welcome'), 'prompts/support/eu/welcome/1.0.0'],
    [key('prompts/prompts'), 'prompts/prompts/prompts/1.0.0'],
    [key('workspaces/acme/prompts/x'), 'prompts/workspaces/acme/prompts/x/1.0.0'],
    [key('a/b', 'acme', '1.0.0-rc.1'), 'workspaces/acme/prompts/a/b/1.0.0-rc.1'],
  ])('of %j is %s, and leads back to it', (version, stem) => {
    expect([tagOf(version), pathOf(version)]).toEqual([stem, `${stem}.json`]);
    expect(keyOf(`${stem}.json`)).toEqual(version);
  });

  it.each([
    '..',
    '../x',
    'a/../b',
    'a/./b',
    '/a',
    'a/',
    'a//b',
    'a\\b',
    'a%2Fb',
    'a.b',
    'a b',
    'a\0',
    'a\n',
    '',
    'a/b/c/d/e/f',
    'x'.repeat(129),
    `${'x'.repeat(64)}/${'y'.repeat(64)}`,
  ])('is made of no name like %j, and none is read from one', (name) => {
    expect(isPromptName(name)).toBe(false);
    expect(() => pathOf(key(name))).toThrow('No such workspace');
    expect(keyOf(`prompts/${name}/1.0.0.json`)).toBeUndefined();
  });

  it.each([
    'prompts/a/1.0.json',
    'prompts/1.0.0.json',
    'prompts/a/1.0.0.txt',
    'workspaces/default/prompts/a/1.0.0.json',
    'workspaces/a/b/prompts/a/1.0.0.json',
    'workspaces/../prompts/a/1.0.0.json',
    'x/prompts/a/1.0.0.json',
  ])('%s is none of a version', (path) => {
    expect(keyOf(path)).toBeUndefined();
  });
});
