import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CONTENT_MARK } from '../../src/model/content.js';
import type { DecodedFrame } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { takeOutContents } from '../../workers/contents.js';
import { Enrichment } from '../../workers/enrichment.js';
import { decodedFrame, recordSource } from '../helpers/records.js';

const MIB = 2 ** 20;

/** A span of a chat with these attributes, as the writer thread has it before it is written. */
function stored(attributes: Record<string, string>, maxAttributeBytes = MIB): DecodedFrame['spans'][number] {
  const all = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o-mini', ...attributes };
  const span = {
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    name: 'chat',
    startTimeUnixNano: '1767225600000000000',
    endTimeUnixNano: '1767225601000000000',
    attributes: Object.entries(all).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  };
  const payload = Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
  const frame = decodedFrame(1, decodeRequest({ signal: 'traces', encoding: 'json', payload }));
  new Enrichment().enrich(frame);
  takeOutContents(frame, maxAttributeBytes);
  return frame.spans[0]!;
}

describe('a writer thread', () => {
  it('names a cut attribute among the warnings of its generation', () => {
    const { generation } = stored({ 'gen_ai.input.messages': 'so it goes, '.repeat(200_000) });
    expect(generation!.mappingWarnings[0]).toBe(`gen_ai.input.messages was cut: ${MIB} of 2400000 bytes are kept`);
  });

  it('keeps its warnings few and short, however much is cut', () => {
    const many = Array.from({ length: 30 }, (_, at) => [`${at}-${'k'.repeat(3000)}`, 'so it goes, '.repeat(500)]);
    const { mappingWarnings } = stored(Object.fromEntries(many), 1024).generation!;
    expect(mappingWarnings).toHaveLength(10);
    for (const warning of mappingWarnings) expect(warning).toMatch(/^\d+-k+ was cut: 1024 of 6000 bytes are kept$/);
  });

  it('reads messages before it takes them out of the span', () => {
    const text = 'a word that is looked for: heliotrope. '.repeat(3000);
    const message = [{ role: 'user', parts: [{ type: 'text', content: text }] }];
    const span = stored({ 'gen_ai.input.messages': JSON.stringify(message) });
    expect(span.attributes).toContain(CONTENT_MARK);
    expect(span.generation!.searchText).toContain('heliotrope');
  });

  it('takes what is large out of every text of a record, and leaves small records as they are', () => {
    const source = recordSource(1);
    const large = JSON.stringify({ image: randomBytes(9000).toString('base64') });
    const span = source.span({ attributes: large, events: `[{"attributes":${large}}]` });
    const record = source.logRecord({ attributes: large, body: large });
    const small = source.span();
    const attributes = small.attributes;
    takeOutContents({ spans: [span, small], logRecords: [record] }, MIB);
    expect(span.contents!.map(({ field }) => field)).toEqual(['attributes', 'events']);
    expect(record.contents!.map(({ field }) => field)).toEqual(['attributes', 'body']);
    expect(small).toMatchObject({ attributes });
    expect(small.contents).toBeUndefined();
  });

  it('bounds the row of a request that is one attribute, and hashes no more than it keeps', () => {
    const span = stored({ 'gen_ai.input.messages': '\u0001 "quoted", and so on '.repeat(1_000_000) });
    const kept = span.contents!.reduce((sum, { content }) => sum + content.text.length, 0);
    expect(kept).toBeLessThan(6 * MIB);
    expect(span.attributes.length).toBeLessThan(20_000);
  });
});
