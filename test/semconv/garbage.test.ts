/** Whatever stands in attributes, under whichever names: nothing throws, nothing grows without bound. Seeded. */
import { describe, expect, it } from 'vitest';
import { TOKEN_TYPES } from '../../src/model/generation.js';
import { LOG_EVENT } from '../../src/model/native-names.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { generationOf, generationOfLog, searchTextOfEvent } from '../../src/semconv/generation.js';
import { LOGS, SPANS } from '../../src/semconv/table.js';
import { logOf, spanOf } from './spans.js';

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FLAT = [
  'llm.input_messages.0.message.content',
  'llm.input_messages.0.message.contents.1.message_content.type',
  'llm.input_messages.0.message',
  'llm.output_messages.99999999.message.role',
  'llm.output_messages.1.message.tool_calls.0.tool_call.function.arguments',
  'gen_ai.prompt.0',
  'gen_ai.prompt.0.content',
  'gen_ai.prompt.0.content.0.text',
  'gen_ai.completion.1.tool_calls.0.name',
  'llm.tools.0.tool.json_schema',
  'gen_ai.prompt.0.a.b.c.d.e.f.g.h.i.j.k.l.m.n',
  'gen_ai.request.temperature',
  'retrieval.documents.0.document.content',
];
const NAMES = [...SPANS.keys(), ...LOGS.keys(), ...FLAT, '__proto__', 'constructor'];
const MEMBERS = [
  'role',
  'content',
  'parts',
  'type',
  'text',
  'message',
  'messages',
  'tool_calls',
  'function',
  'source',
  'id',
]
  .concat([
    'image_url',
    'input',
    'output',
    'model',
    'total',
    '__proto__',
    '$int',
    '$double',
    '$map',
    'choices',
    'kwargs',
  ])
  .concat([
    'system',
    'prompt',
    'contents',
    'candidates',
    'generations',
    'instructions',
    'usage',
    'anthropic',
    'arguments',
  ]);
const TEXTS = [
  '',
  'None',
  'True',
  '12',
  '-1',
  '1e400',
  'NaN',
  '"',
  '""',
  '"a',
  '{',
  '[',
  '[{',
  '{"a":',
  "{'a': 1}",
  "['",
  '(',
]
  .concat([
    '\u0000',
    '\ud800',
    'text',
    'tool_use',
    'image',
    'user',
    'function_call',
    'gen_ai.choice',
    '[Scrubbed due to x]',
  ])
  .concat([
    'data:image/png;base64,AAAA',
    'x'.repeat(2_000),
    '\\'.repeat(99),
    '2026-11-21T20:57:20Z',
    'LLM',
    'chat',
    'ai.',
  ]);
const NUMBERS = [0, -0, 1, -1, 1.5, 2 ** 53, 1e308, 12, 99_999_999];

class Garbage {
  constructor(private readonly random: () => number) {}

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.random() * values.length)]!;
  }

  value(depth = 0): unknown {
    const kind = Math.floor(this.random() * (depth > 5 ? 4 : 8));
    if (kind === 0) return this.pick([null, true, false]);
    if (kind === 1) return this.pick(NUMBERS);
    if (kind <= 3) return this.pick(TEXTS);
    if (kind === 4) return JSON.stringify(this.value(depth + 1));
    if (kind === 5) return this.list(() => this.value(depth + 1));
    return Object.fromEntries(this.list(() => [this.pick(MEMBERS), this.value(depth + 1)]));
  }

  list<Value>(make: () => Value): Value[] {
    return Array.from({ length: Math.floor(this.random() * 5) }, make);
  }

  attributes(): string {
    const size = 1 + Math.floor(this.random() * 20);
    const members = Array.from({ length: size }, () => [this.pick(NAMES), this.value()] as const);
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  }

  events(): string {
    const names = ['gen_ai.choice', 'gen_ai.user.message', 'gen_ai.content.prompt', 'exception'];
    return `[${this.list(() => `{"timeUnixNano":"1","name":"${this.pick(names)}","attributes":${this.attributes()}}`).join(',')}]`;
  }
}

const SEEDS = 20;
const PER_SEED = 50;

describe.each(Array.from({ length: SEEDS }, (_, index) => index + 1))('seed %i', (seed) => {
  const garbage = new Garbage(randomOf(seed));

  it('gives a generation within its bounds, or none', () => {
    for (let i = 0; i < PER_SEED; i++) {
      const generation = generationOf(spanOf(garbage.attributes(), { events: garbage.events() }));
      if (!generation) continue;
      expect(generation.mappingWarnings.length).toBeLessThanOrEqual(10);
      expect(generation.searchText.length).toBeLessThanOrEqual(16 * 1024);
      for (const text of [...generation.mappingWarnings, ...Object.values(generation)]) {
        if (typeof text === 'string' && text !== generation.searchText) expect(text.length).toBeLessThanOrEqual(512);
      }
      for (const type of TOKEN_TYPES) {
        const tokens = generation.usage[type];
        if (tokens !== undefined) expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true);
      }
      const { input = Infinity, cacheRead = 0, cacheWrite = 0, output = Infinity, reasoning = 0 } = generation.usage;
      expect(input).toBeGreaterThanOrEqual(cacheRead + cacheWrite);
      expect(output).toBeGreaterThanOrEqual(reasoning);
    }
  });

  it('of a log as well', () => {
    for (let i = 0; i < PER_SEED; i++) {
      const record = { ...logOf({ body: garbage.value() }), attributes: garbage.attributes() };
      expect(generationOfLog({ ...record, eventName: LOG_EVENT })?.kind).toBe('llm');
      const text = searchTextOfEvent({ ...record, eventName: 'gen_ai.choice' });
      expect((text ?? '').length).toBeLessThanOrEqual(16 * 1024);
    }
  });

  it('shows as a conversation that can be written', () => {
    for (let i = 0; i < PER_SEED; i++) {
      const names = ['gen_ai.choice', 'gen_ai.tool.message', 'gen_ai.client.inference.operation.details', ''];
      const logRecords = garbage.list(() => ({
        timeUnixNano: 1n,
        eventName: garbage.pick(names),
        body: JSON.stringify(garbage.value()),
        attributes: garbage.attributes(),
      }));
      const source = { attributes: garbage.attributes(), events: garbage.events(), scopeName: '', logRecords };
      const { input, output } = conversationOf(source);
      for (const { role, parts } of [...input, ...output]) {
        expect(typeof role).toBe('string');
        expect(parts.length).toBeGreaterThan(0);
      }
    }
  });
});
