import mustache from 'mustache';
import { describe, expect, it } from 'vitest';
import { inlined } from '../../src/registry/inlining.js';
import { parseTemplate, RenderBudget, render } from '../../src/registry/template.js';

const partialsOf = (texts: Record<string, string>) => (reference: string) => {
  const text = texts[reference];
  return text === undefined ? undefined : { text, template: parseTemplate(text) };
};
const inline = (text: string, texts: Record<string, string>) =>
  inlined(parseTemplate(text), { budget: new RenderBudget(), partials: partialsOf(texts), indented: new Map() });

const VALUES = { 'x}': 'brace', x: 'X', yes: true, no: false, items: [{ i: 1 }, { i: 2 }], deep: { er: 'D' } };

describe('a template with what it includes in its place', () => {
  it.each<[string, Record<string, string>]>([
    ['Hello {{> p}}!', { p: '{{x}}' }],
    ['{{> p}}\nBye', { p: 'no newline at the end' }],
    ['a\n  {{> p}}\nb', { p: '{{#yes}}\n one\n{{/yes}}\ntwo {{x}}' }],
    ['a\n  {{> p}}\nb', { p: 'one\n{{#yes}}\ntwo\n{{/yes}}' }],
    ['inline {{> p}} text', { p: '{{#items}}\n- {{i}}\n{{/items}}\n' }],
    ['{{#items}}\n  {{> p}}\n{{/items}}\n\nend', { p: '* {{i}} {{x}}\n' }],
    ['{{#items}}{{> p}}{{/items}}', { p: '\n{{^no}}\n{{i}}\n{{/no}}\n' }],
    ['{{#yes}}{{> p}}{{/yes}}\n\nafter', { p: 'x\n' }],
    ['{{=<% %>=}}<%> p%> {{kept}} <%x%>', { p: '{{x}} {{deep.er}}' }],
    ['{{x}} {{> p}} {{x}}', { p: '{{=[[ ]]=}}[[x]] {{kept}} <% kept too %>' }],
    ['{{> p}}{{x}}', { p: 'a brace {' }],
    ['<% {{> p}}', { p: '{{=<% %>=}}<% x} %>|{{x}}<%#yes%>%><%/yes%>' }],
    ['{{{x}}}{{&x}}{{! said by nobody }}{{> outer}}', { outer: '[{{> inner}}]', inner: '{{#yes}}{{.}}{{/yes}}' }],
    ['{{> gone}}|{{> p}}|{{> p}}', { p: '{{^no}}{{x}}{{/no}}' }],
    ['windows\r\n{{> p}}\r\nlines', { p: '{{#yes}}\r\na\r\n{{/yes}}\r\n' }],
  ])('%j with %j comes out of another renderer as it does with its partials', (text, texts) => {
    const whole = inline(text, texts);
    expect(whole).not.toContain('{{>');
    const own = render(parseTemplate(text), VALUES, new RenderBudget(), partialsOf(texts));
    const plain = { escape: String };
    expect(mustache.render(whole, VALUES, {}, plain)).toBe(own);
  });

  it('keeps what is no template as it is', () => {
    const said = { text: 'I said {{x}} and <%x%>', template: undefined };
    const partials = () => said;
    const whole = inlined(parseTemplate('{{> p}} {{x}}'), {
      budget: new RenderBudget(),
      partials,
      indented: new Map(),
    });
    expect(mustache.render(whole, VALUES)).toBe('I said {{x}} and <%x%> X');
  });

  it('stays as people have written it, line by line', () => {
    expect(inline('{{#items}}\n{{> p}}\n{{/items}}\n', { p: '- {{i}}\n' })).toBe('{{#items}}\n- {{i}}\n{{/items}}\n');
  });

  it('has an end', () => {
    const texts = Object.fromEntries(
      Array.from({ length: 8 }, (_, level) => [`l${level}`, level ? `{{> l${level - 1}}}`.repeat(10) : 'lol']),
    );
    expect(() => inline('{{> l7}}', texts)).toThrow('Rendering takes too many steps');
  });
});
