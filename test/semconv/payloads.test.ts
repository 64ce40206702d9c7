/** What instrumentations really send, and what a right reading of it gives: test/semconv/payloads/README.md. */
import { describe, expect, it } from 'vitest';
import { type Generation, modelOf } from '../../src/model/generation.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { generationOf } from '../../src/semconv/generation.js';
import { type ExpectedGeneration, hex, readRecording, recordings, withoutZeros } from './recordings.js';

/** What the store adds when it sees spans beside each other, and what only describes the case. */
const NOT_OF_THE_SPAN = new Set([
  'span',
  'spanId',
  'usage',
  'model',
  'input',
  'output',
  'counted',
  'inherited',
  'about',
]);

/** Members that are named, with 64-bit numbers as text. */
function named(expected: ExpectedGeneration, generation: Generation): Record<string, unknown> {
  const names = Object.keys(expected).filter((name) => !NOT_OF_THE_SPAN.has(name));
  const entries = names.map((name) => [name, generation[name as keyof Generation]] as const);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));
}

describe.each(recordings())('$name', ({ folder }) => {
  const { requests, expected } = readRecording(folder);
  const spans = requests.flatMap((request) => request.spans);
  const logRecords = requests.flatMap((request) => request.logRecords);
  const spanOf = (spanId: string) => spans.find((span) => hex(span.spanId) === spanId)!;

  it.each(expected.generations)('$span tells what its call was', (wanted) => {
    const generation = generationOf(spanOf(wanted.spanId))!;
    expect(generation).toBeDefined();
    const wantedNamed = Object.entries(wanted).filter(([name]) => !NOT_OF_THE_SPAN.has(name));
    expect(named(wanted, generation)).toEqual(Object.fromEntries(wantedNamed));
    if (wanted.usage) expect(withoutZeros(generation.usage)).toEqual(withoutZeros(wanted.usage));
    if (wanted.model) expect(modelOf(generation)).toBe(wanted.model);
  });

  it.each(expected.generations.filter(({ input, output }) => input || output))('$span shows its messages', (wanted) => {
    const span = spanOf(wanted.spanId);
    const own = logRecords.filter(
      (record) => hex(record.traceId) === hex(span.traceId) && hex(record.spanId) === wanted.spanId,
    );
    const conversation = conversationOf({ ...span, scopeName: span.scope.name, logRecords: own });
    for (const side of ['input', 'output'] as const) {
      const messages = wanted[side];
      if (!messages) continue;
      expect(conversation[side]).toHaveLength(messages.length);
      expect(conversation[side]).toMatchObject(messages);
    }
    expect(conversation.truncated).toBe(false);
  });

  it('no other span is taken for a generation', () => {
    const others = (expected.withoutGeneration ?? []).map((entry) =>
      typeof entry === 'string' ? entry : (entry as { spanId: string }).spanId,
    );
    const wrong = spans.filter((span) => others.includes(hex(span.spanId)) || others.includes(span.name));
    expect(wrong.map((span) => generationOf(span)?.kind)).toEqual(wrong.map(() => undefined));
  });
});

it('the recordings are there', () => expect(recordings().length).toBeGreaterThan(20));
