/** What instrumentations really send, and what a right reading of it gives: test/semconv/payloads/README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Generation, modelOf } from '../../src/model/generation.js';
import type { LogRecord, Span } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { generationOf } from '../../src/semconv/generation.js';

const ROOT = fileURLToPath(new URL('payloads', import.meta.url));

interface ExpectedMessage {
  role: string;
  parts?: Record<string, unknown>[];
}

interface ExpectedGeneration extends Record<string, unknown> {
  span: string;
  spanId: string;
  model?: string;
  usage?: Record<string, number>;
  input?: ExpectedMessage[];
  output?: ExpectedMessage[];
}

interface Expected {
  generations: ExpectedGeneration[];
  withoutGeneration?: unknown[];
}

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

function cases(): { name: string; folder: string }[] {
  const packages = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = packages.flatMap(({ name }) =>
    readdirSync(path.join(ROOT, name), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${name}/${entry.name}`),
  );
  const recorded = folders.filter((name) => readdirSync(path.join(ROOT, name)).includes('expected.json'));
  return recorded.map((name) => ({ name, folder: path.join(ROOT, name) }));
}

function read(folder: string): { spans: Span[]; logRecords: LogRecord[]; expected: Expected } {
  const files = readdirSync(folder).filter((file) => /^\d+-(traces|logs)\.json$/.test(file));
  const requests = files.map((file) =>
    decodeRequest({
      signal: file.includes('traces') ? 'traces' : 'logs',
      encoding: 'json',
      payload: readFileSync(path.join(folder, file)),
    }),
  );
  return {
    spans: requests.flatMap(({ spans }) => spans),
    logRecords: requests.flatMap(({ logRecords }) => logRecords),
    expected: JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Expected,
  };
}

const hex = (id: Uint8Array | undefined) => Buffer.from(id ?? []).toString('hex');

/** Members that are named, with 64-bit numbers as text. */
function named(expected: ExpectedGeneration, generation: Generation): Record<string, unknown> {
  const names = Object.keys(expected).filter((name) => !NOT_OF_THE_SPAN.has(name));
  const entries = names.map((name) => [name, generation[name as keyof Generation]] as const);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));
}

function withoutZeros(usage: Generation['usage'] | Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens !== 0));
}

describe.each(cases())('$name', ({ folder }) => {
  const { spans, logRecords, expected } = read(folder);
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

it('the recordings are there', () => expect(cases().length).toBeGreaterThan(20));
