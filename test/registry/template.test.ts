import { describe, expect, it } from 'vitest';
import { parseTemplate, RenderBudget, render } from '../../src/registry/template.js';

const rendered = (template: string, variables: unknown) => render(parseTemplate(template), variables);

/** Cases of the Mustache specification (github.com/mustache/spec) in their facts, without those about HTML. */
describe('a template', () => {
  it.each([
    ['Hello from {Mustache}!\n', {}, 'Hello from {Mustache}!\n'],
    ['Hello, {{subject}}!', { subject: 'world' }, 'Hello, world!'],
    ['{{forbidden}}', { forbidden: '& " < >' }, '& " < >'],
    ['{{{forbidden}}}|{{&forbidden}}', { forbidden: '& " < >' }, '& " < >|& " < >'],
    ['{{mph}} {{power}}', { mph: 85, power: 1.21 }, '85 1.21'],
    ['I ({{cannot}}) be seen!', {}, 'I () be seen!'],
    ['I ({{cannot}}) be seen!', { cannot: null }, 'I () be seen!'],
    ['{{person.name}} = {{#person}}{{name}}{{/person}}', { person: { name: 'Joe' } }, 'Joe = Joe'],
    ['{{a.b.c.name}}', { a: {} }, ''],
    ['{{#a}}{{b.c.d}}{{/a}}', { a: { b: {} }, b: { c: { d: 'WRONG' } } }, ''],
    ['| {{ string }} |', { string: '---' }, '| --- |'],
    ['"{{#boolean}}in{{/boolean}}"', { boolean: true }, '"in"'],
    ['"{{#boolean}}in{{/boolean}}"', { boolean: false }, '""'],
    ['"{{#n}}in{{/n}}"', { n: 0 }, '""'],
    ['{{#list}}{{item}}{{/list}}', { list: [{ item: 1 }, { item: 2 }, { item: 3 }] }, '123'],
    ['"{{#list}}({{.}}){{/list}}"', { list: ['a', 1, 2.5, true] }, '"(a)(1)(2.5)(true)"'],
    ['{{#list}}({{#.}}{{.}}{{/.}}){{/list}}', { list: [[1, 2], ['a']] }, '(12)(a)'],
    ['{{#list}}x{{/list}}', { list: [] }, ''],
    ['| {{#bool}}A {{#bool}}B{{/bool}} C{{/bool}} |', { bool: true }, '| A B C |'],
    ['{{#a}}{{one}}{{#b}}{{one}}{{two}}{{/b}}{{/a}}', { a: { one: 1 }, b: { two: 2 } }, '112'],
    ['"{{^boolean}}out{{/boolean}}"', { boolean: false }, '"out"'],
    ['"{{^list}}empty{{/list}}"', { list: [] }, '"empty"'],
    ['"{{^gone}}none{{/gone}}"', {}, '"none"'],
    ['| This Is\n{{#boolean}}\n|\n{{/boolean}}\n| A Line', { boolean: true }, '| This Is\n|\n| A Line'],
    ['12345{{! a comment }}67890', {}, '1234567890'],
    [`12345{{! ${'a long comment '.repeat(50)}}}67890`, {}, '1234567890'],
    ['Begin.\n{{! alone }}\nEnd.\n', {}, 'Begin.\nEnd.\n'],
    ['{{=<% %>=}}(<%text%>)<%={{ }}=%>{{text}}', { text: 'Hey!' }, '(Hey!)Hey!'],
    ['"{{>partial}}"', {}, '""'],
    ['{{o}} {{l}}', { o: { a: 1 }, l: [1, [2, null]] }, '[object Object] 1,2,'],
    ['', {}, ''],
  ])('%j with %j is %j', (template, variables, expected) => {
    expect(rendered(template, variables)).toBe(expected);
  });

  /** From the specification's partials.yml. */
  it.each([
    ['"{{>text}}"', {}, { text: 'from partial' }, '"from partial"'],
    ['"{{>text}}"', {}, {}, '""'],
    ['"{{>partial}}"', { text: 'content' }, { partial: '*{{text}}*' }, '"*content*"'],
    [
      '{{>node}}',
      { content: 'X', nodes: [{ content: 'Y', nodes: [] }] },
      { node: '{{content}}<{{#nodes}}{{>node}}{{/nodes}}>' },
      'X<Y<>>',
    ],
    ['{{>outer}}', { a: 'hello', b: 'world' }, { outer: '*{{a}} {{>inner}}*', inner: '{{b}}!' }, '*hello world!*'],
    ['| {{>partial}} |', {}, { partial: '\t|\t' }, '| \t|\t |'],
    ['  {{data}}  {{> partial}}\n', { data: '|' }, { partial: '>\n>' }, '  |  >\n>\n'],
    ['|\r\n{{>partial}}\r\n|', {}, { partial: '>' }, '|\r\n>|'],
    ['  {{>partial}}\n>', {}, { partial: '>\n>' }, '  >\n  >>'],
    ['>\n  {{>partial}}', {}, { partial: '>\n>' }, '>\n  >\n  >'],
    ['\\\n {{>partial}}\n/\n', { content: '<\n->' }, { partial: '|\n{{{content}}}\n|\n' }, '\\\n |\n <\n->\n |\n/\n'],
    ['|{{> partial }}|', { boolean: true }, { partial: '[]' }, '|[]|'],
    ['  {{> partial}} x', {}, { partial: 'a\nb' }, '  a\nb x'],
  ])('%j with %j and the partials %j is %j', (template, variables, texts, expected) => {
    const partials = (name: string) => {
      const text = (texts as Record<string, string>)[name];
      return text === undefined ? undefined : { text, template: parseTemplate(text) };
    };
    expect(render(parseTemplate(template), variables, new RenderBudget(), partials)).toBe(expected);
  });

  it('sees nothing but what was sent', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'x.length', 'x.constructor', 'a.0.constructor']) {
      expect(rendered(`{{${name}}}`, { x: 'text', a: [{}] })).toBe('');
    }
    expect(rendered('{{x}}', { x: { toString: 'mine' } })).toBe('[object Object]');
  });

  it.each([
    ['Hi {{name', 'Unclosed tag at 3'],
    ['{{{name}}', 'Unclosed tag at 0'],
    ['{{#a}}{{#b}}{{/a}}', 'Unclosed section "b" at 12'],
    ['x{{/a}}', 'Unopened section "a" at 1'],
    ['{{#a}}', 'Unclosed section "a" at 6'],
    ['{{=<%}}', 'Invalid delimiters at 0'],
    [`a{{${'n'.repeat(257)}}}`, 'Tag of more than 256 characters at 1'],
    [`{{x}}`.repeat(10_001), 'More than 10000 tags at 50000'],
    [`${'{{#a}}'.repeat(33)}${'{{/a}}'.repeat(33)}`, 'Sections nested more than 32 deep at 192'],
  ])('that is broken says where', (template, message) => {
    expect(() => parseTemplate(template)).toThrow(message);
  });

  it('with runs of spaces that would take the library forever is refused before it sees them', () => {
    const spaces = ' '.repeat(90_000);
    for (const template of [`{{a${spaces}b}}`, `{{!${spaces}x}}`, `{{=a${spaces}}}`, `{{=<% %>=}}<%a${spaces}b%>`]) {
      expect(() => parseTemplate(template)).toThrow(/more than 256 characters|Invalid delimiters/);
    }
    expect(rendered(`{{${spaces}x}}`, { x: 1 })).toBe('1');
    expect(rendered(`${spaces}{{x}}${spaces}`, { x: 1 })).toHaveLength(180_001);
  });

  it('that multiplies what it is given stops at its bounds', () => {
    const list = Array.from({ length: 300 }, () => 'x');
    const nested = parseTemplate('{{#l}}{{#l}}{{#l}}{{.}}{{/l}}{{/l}}{{/l}}');
    expect(() => render(nested, { l: list })).toThrow('too many steps');
    const long = parseTemplate('{{x}}'.repeat(100));
    expect(() => render(long, { x: 'y'.repeat(100_000) })).toThrow('too long');
    expect(() => render(long, { x: 'y' }, new RenderBudget(99))).toThrow('too long');
    expect(render(long, { x: 'y' }, new RenderBudget(100))).toHaveLength(100);
  });
});
