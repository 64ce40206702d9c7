/** Attributes are read where they stand in their text: whatever the order, the form and the escapes, as JSON.parse reads them. */
import { describe, expect, it } from 'vitest';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import { generationOf, generationOfLog } from '../../src/semconv/generation.js';
import { Memo } from '../../src/semconv/memo.js';
import { logOf, spanOf } from './spans.js';

const CHAT = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-4o' };

const mapped = (attributes: Record<string, unknown> | string) => generationOf(spanOf(attributes))!;

describe('names in whatever order', () => {
  it('are read the same when they come otherwise than the last time', () => {
    const entries = Object.entries({ ...CHAT, 'session.id': 's-1', other: { a: ['}', ']'] }, 'user.id': 'u-1' });
    const wanted = mapped(Object.fromEntries(entries));
    for (let turn = 0; turn < entries.length; turn++) {
      entries.push(entries.shift()!);
      expect(mapped(Object.fromEntries(entries))).toEqual(wanted);
      expect(mapped(Object.fromEntries([...entries].reverse()))).toEqual(wanted);
    }
  });

  it('which name is believed does not depend on the order', () => {
    const old = { 'gen_ai.system': 'anthropic' };
    expect([mapped({ ...CHAT, ...old }).provider, mapped({ ...old, ...CHAT }).provider]).toEqual(['openai', 'openai']);
  });

  it('a name that begins as another does is not taken for it', () => {
    mapped({ 'gen_ai.request.model': 'gpt-4o', 'session.id': 's-1' });
    const generation = mapped({ 'gen_ai.request.model': 'gpt-4o', 'session.idle': 's-2', 'session.id2': 's-3' });
    expect(generation).toMatchObject({ requestModel: 'gpt-4o', sessionId: '' });
  });

  it('names without end are not kept, and change nothing of what is read', () => {
    const text = JSON.stringify(CHAT).slice(1);
    for (let index = 0; index < 10_000; index++) {
      expect(mapped(`{"id.${index}":1,"${index === 77 ? 'x'.repeat(10_000) : 'y'}":null,${text}`).requestModel).toBe(
        'gpt-4o',
      );
    }
  });

  it('names with escapes are not those of a vocabulary, and stop nothing', () => {
    const attributes = { 'a"b': 1, 'c\\': '"', 'd\n{': {}, '': '', ...CHAT };
    expect(mapped(attributes)).toMatchObject({ requestModel: 'gpt-4o', provider: 'openai' });
  });

  it('no attributes at all are no generation', () => {
    const events = '[{"timeUnixNano":"1","name":"gen_ai.choice","attributes":{}}]';
    expect(generationOf(spanOf('{}', { events }))).toBeUndefined();
  });
});

describe('text in whatever form', () => {
  it('with spaces, as a database writes it, says the same', () => {
    const attributes = {
      ...CHAT,
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.input.messages': '[{"content":"of pumps"}]',
    };
    expect(mapped(JSON.stringify(attributes, null, 1))).toEqual(mapped(attributes));
    expect(mapped(JSON.stringify(attributes).replaceAll(',"', ', "'))).toEqual(mapped(attributes));
  });

  it.each(['{"gen_ai.request.model":"gpt-4o"', '{"gen_ai.request.model":"gpt-4o"}}', '{"gen_ai.request.model":gpt}'])(
    '%s is none, which is an error of this span',
    (text) => expect(() => generationOf(spanOf(text))).toThrow(SyntaxError),
  );

  it.each([
    ['0', 0],
    ['9007199254740991', 2 ** 53 - 1],
    ['999999999999999', 999_999_999_999_999],
    ['12.0', 12],
    ['1.2e1', 12],
    ['-0.0', 0],
  ])('%s is %i tokens', (text, tokens) => {
    expect(mapped(`{"gen_ai.usage.input_tokens":${text}}`).usage).toEqual({ input: tokens });
  });

  it('a native log with all that it may say', () => {
    const attributes = '{ "promptmetrics.status": "error", "gen_ai.prompt.0.content": "x" }';
    const record = { ...logOf({ eventName: 'promptmetrics.log' }), attributes };
    expect(generationOfLog(record)).toMatchObject({ isError: true, searchText: '', mappingWarnings: [] });
  });
});

describe('texts within JSON within a string', () => {
  const messages = (...texts: string[]) =>
    texts.map((content) => ({ role: 'user', parts: [{ type: 'text', content }] }));

  it.each([
    ['quotes', 'say "pumps", "valves"'],
    ['a quote at its end', 'say "pumps"'],
    ['nothing but quotes', '""'],
    ['backslashes', 'C:\\pumps\\'],
    ['backslashes before quotes', '\\"\\\\"\\\\\\"'],
    ['lines', 'of\npumps\tand\r\nvalves'],
    ['what looks like JSON', '[{"content":"pumps"}]'],
    ['what looks like the next member', 'pumps","role":"system'],
    ['other alphabets', 'насосы, 泵, \u2028 🚰'],
    ['controls', 'a\u0001\u001fb'],
  ])('with %s come out as they were written', (_name, text) => {
    const list = messages(text, 'behind it');
    for (const json of [JSON.stringify(list), JSON.stringify(list, null, 2)]) {
      const generation = mapped({ ...CHAT, 'gen_ai.input.messages': json });
      expect(generation.searchText).toBe(`${text}\nbehind it`);
      expect(generation.promptHash).toBe(promptHashOf(text));
    }
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('a long one is cut, but not within an escape (%i)', (offset) => {
    const long = `${'x'.repeat(offset)}${'a\n"\\\u0001'.repeat(40_000)}`;
    const { searchText } = mapped({ ...CHAT, 'gen_ai.input.messages': JSON.stringify(messages('first', long)) });
    expect(searchText).toHaveLength(12 * 1024);
    expect(`first\n${long}`.startsWith(searchText)).toBe(true);
  });

  it.each(['[INST] say "pumps', '{"'])('%s is no JSON but a text', (text) => {
    expect(mapped({ ...CHAT, 'gen_ai.input.messages': text }).searchText).toBe(text);
  });

  it('the whole of the first one is hashed, however little of it is found', () => {
    const long = 'Be "brief".\n'.repeat(5000);
    const generation = mapped({ ...CHAT, 'gen_ai.input.messages': JSON.stringify(messages(long)) });
    expect(generation.promptHash).toBe(promptHashOf(long));
  });
});

describe('what is remembered', () => {
  it('is of the text itself, when others have the same place', () => {
    const memo = new Memo(1, 8, (text) => text.toUpperCase());
    for (const text of ['a', 'b', 'a', '', 'longer than it keeps', 'a']) expect(memo.of(text)).toBe(text.toUpperCase());
  });

  it('is asked for once, also when nothing came of it', () => {
    let asked = 0;
    const memo = new Memo<undefined>(4, 8, () => {
      asked += 1;
    });
    expect([memo.of('none'), memo.of('none'), asked]).toEqual([undefined, undefined, 1]);
  });

  it('names that differ in their middle alone are not confused', () => {
    const id = (middle: string) => `session-${'x'.repeat(40)}${middle}${'y'.repeat(40)}`;
    const read = ['a', 'b', 'a', 'c'].map((middle) => mapped({ ...CHAT, 'session.id': id(middle) }).sessionId);
    expect(read).toEqual(['a', 'b', 'a', 'c'].map(id));
  });
});
