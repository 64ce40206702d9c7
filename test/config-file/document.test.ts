// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what the files hold
import { describe, expect, it } from 'vitest';
import { type MapNode, merge, plain } from '../../src/config-file/node.js';
import { documentOf } from './fixture.js';

const dataOf = (text: string, variables?: Record<string, string>) => plain(documentOf(text, variables).root);

describe('a document', () => {
  it('knows the line of every value, in block and in flow', () => {
    const { root } = documentOf('a:\n  b: 1\n  c: {d: 2,\n    e: [3, 4]}\n');
    const a = root.entries.get('a')!.value as MapNode;
    const c = a.entries.get('c')!.value as MapNode;
    expect(a.entries.get('b')!.value.place).toBe('f.yaml:2');
    expect(c.entries.get('d')!.value.place).toBe('f.yaml:3');
    expect(c.entries.get('e')!.value.place).toBe('f.yaml:4');
  });

  it('takes anchors, aliases and merged keys, of which the own ones count', () => {
    expect(dataOf('x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n')).toEqual({
      x: { a: 1, b: 2 },
      y: { a: 1, b: 3 },
      z: { a: 1, b: 2 },
    });
  });

  it.each([
    ['a: [1', /^f\.yaml:\d+: /],
    ['a: 1\na: 2', /^f\.yaml:2: .*unique/],
    ['a: 1\n---\nb: 1', /multiple documents/],
    ['- a', /^f\.yaml:1: a configuration is a map/],
    ['just words', /^f\.yaml:1: a configuration is a map/],
    ['? [a]\n: b', /^f\.yaml:1: a key must be a word/],
    ['a: *nobody', /^f\.yaml:1: .*nobody/],
  ])('%j is refused with its line', (text, expected) => {
    expect(documentOf(text).findings.faults.join('\n')).toMatch(expected);
  });

  it('a fault of the syntax shows no line of the file: a secret may stand there', () => {
    expect(documentOf('token: hunter2\nb: [1\n').findings.faults.join()).not.toContain('hunter2');
  });

  it('an empty file says nothing, and is no fault', () => {
    for (const text of ['', '# only a comment\n', '---\n', 'null']) {
      const { root, findings } = documentOf(text);
      expect([root.entries.size, findings.faults]).toEqual([0, []]);
    }
  });

  it('aliases of aliases end, and so does one that holds itself', () => {
    const levels = Array.from({ length: 12 }, (_, at) => {
      const each = at === 0 ? 'x' : `*l${at - 1}`;
      return `l${at}: &l${at} [${Array(10).fill(each).join(', ')}]`;
    });
    expect(documentOf(levels.join('\n')).findings.faults.join()).toContain('more than');
    expect(documentOf('a: &a [*a]').findings.faults.join()).not.toBe('');
  });
});

describe('a variable in a document', () => {
  it('stands for whatever YAML makes of it: a number, true, a list, a map', () => {
    const variables = { N: '5', T: 'true', L: '[1, two]', M: '{a: 1}', S: 'a: b: c' };
    const text = 'n: ${N}\nt: "${env:T}"\nl: ${L}\nm: ${M}\ns: ${S}\ntext: "n=${N}"\n';
    expect(dataOf(text, variables)).toEqual({
      n: 5,
      t: true,
      l: [1, 'two'],
      m: { a: 1 },
      s: 'a: b: c',
      text: 'n=5',
    });
  });

  it('keeps the text as it was, for fields that ask for text', () => {
    const { root } = documentOf('pin: ${PIN}\nown: 0123\n', { PIN: '0123' });
    expect(root.entries.get('pin')!.value).toMatchObject({ text: '0123', value: 123 });
    expect(root.entries.get('own')!.value).toMatchObject({ text: '0123', value: 123 });
  });

  it('that is not set is nothing, told with its line', () => {
    const { root, findings } = documentOf('a: 1\nb: ${NONE}\n');
    expect(root.entries.get('b')!.value).toMatchObject({ text: '', value: null });
    expect(findings.warnings).toEqual(['f.yaml:2: the variable NONE is not set: taken as empty']);
  });
});

describe('two documents', () => {
  it('merge maps, and replace lists and values', () => {
    const earlier = documentOf('a: {b: 1, c: {d: 2}}\nl: [1, 2, 3]\nm: {x: 1}\n').root;
    const later = documentOf('a: {c: {e: 3}}\nl: [4]\nm:\nn: 5\n').root;
    expect(plain(merge(earlier, later))).toEqual({ a: { b: 1, c: { d: 2, e: 3 } }, l: [4], m: null, n: 5 });
  });
});
