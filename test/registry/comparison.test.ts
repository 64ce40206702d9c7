import { applyPatch } from 'diff';
import { describe, expect, it } from 'vitest';
import { compare } from '../../src/registry/comparison.js';
import type { Prompt } from '../../src/registry/prompt.js';

const chat = (contents: readonly string[], more: object = {}): Prompt => ({
  name: 'p',
  version: '1.0.0',
  messages: contents.map((content) => ({ role: 'user', content })),
  ...more,
});
const text = (content: string): Prompt => ({ name: 'p', version: '1.0.0', type: 'text', content });
const compared = (from: Prompt, to: Prompt) =>
  compare({ title: '1.0.0', prompt: from }, { title: '1.1.0', prompt: to });
const lines = (count: number, of: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => of(at)).join('\n');

describe('the comparison of two prompts', () => {
  it('of the same finds nothing', async () => {
    const same = chat(['a', 'b'], { tags: ['t'], model_config: { stop: ['x'] } });
    const { text: patch, messages, ...rest } = await compared(same, structuredClone(same));
    expect(patch).not.toContain('@@');
    expect(messages.map(({ change, diff }) => [change, diff])).toEqual([
      ['same', undefined],
      ['same', undefined],
    ]);
    expect(rest).toEqual({ modelConfig: [], variables: [], tags: { added: [], removed: [] } });
  });

  it('tells the lines that are others, and no more', async () => {
    const { text: patch } = await compared(text('one\ntwo\nthree'), text('one\n2\nthree'));
    expect(patch).toBe('--- 1.0.0\n+++ 1.1.0\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n');
  });

  it('finds messages again that stand elsewhere, and pairs those that were replaced', async () => {
    const { messages } = await compared(chat(['a', 'b', 'c']), chat(['new', 'a', 'B', 'c', 'end']));
    expect(messages.map(({ change, fromIndex, toIndex }) => [change, fromIndex, toIndex])).toEqual([
      ['added', undefined, 0],
      ['same', 0, 1],
      ['changed', 1, 2],
      ['same', 2, 3],
      ['added', undefined, 4],
    ]);
    const { messages: shorter } = await compared(chat(['a', 'b']), chat(['b']));
    expect(shorter.map(({ change }) => change)).toEqual(['removed', 'same']);
  });

  it('tells of roles, settings, variables and tags', async () => {
    const from = chat(['a'], { tags: ['x', 'y'], model_config: { model: 'm', top_p: 1 }, variables: {} });
    const to = chat([], {
      messages: [{ role: 'system', content: 'a' }],
      tags: ['y', 'z'],
      model_config: { model: 'n', stop: null },
      variables: { v: { type: 'string', required: false } },
    });
    const { messages, modelConfig, variables, tags } = await compared(from, to);
    expect(messages).toEqual([
      {
        change: 'changed',
        fromIndex: 0,
        toIndex: 0,
        diff: undefined,
        members: [{ key: 'role', from: 'user', to: 'system' }],
      },
    ]);
    expect(modelConfig).toEqual([
      { key: 'model', from: 'm', to: 'n' },
      { key: 'top_p', from: 1, to: undefined },
      { key: 'stop', from: undefined, to: null },
    ]);
    expect(variables).toEqual([{ key: 'v', from: undefined, to: { type: 'string', required: false } }]);
    expect(tags).toEqual({ added: ['z'], removed: ['x'] });
  });

  it.each([
    ['few lines', 'a\nb\nc', 'a\nx\nc'],
    ['all of too many lines', lines(2_000, (at) => `a${at}`), lines(1_500, (at) => `b${at}`)],
    ['too many lines with an end', `${lines(2_000, (at) => `a${at}`)}\n`, `${lines(1_500, (at) => `b${at}`)}\n`],
    ['empty lines', '\n'.repeat(50_000), '\na'.repeat(25_000)],
  ])('of %s is a patch that makes the one of the other', async (_, before, after) => {
    const { messages } = await compared(text(before), text(after));
    expect(applyPatch(before, messages[0]!.diff!)).toBe(after);
    const { messages: added } = await compared(chat(['x']), chat(['x', after]));
    expect(applyPatch('', added[1]!.diff!)).toBe(after);
  });

  it('of too much text is told by its messages alone', async () => {
    const long = 'x'.repeat(99_999);
    const { text: patch, messages } = await compared(chat([long, long]), chat([long, `${long}y`]));
    expect(patch).toBeUndefined();
    expect(messages.map(({ change }) => change)).toEqual(['same', 'changed']);
  });

  it('of messages that are all others pairs them by their places', async () => {
    const all = (mark: string) => chat(Array.from({ length: 1_000 }, (_, at) => `${mark}${at}`));
    const { messages } = await compared(all('a'), all('b'));
    expect(messages.every(({ change, fromIndex, toIndex }) => change === 'changed' && fromIndex === toIndex)).toBe(
      true,
    );
  });
});
