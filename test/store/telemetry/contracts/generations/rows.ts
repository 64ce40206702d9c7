/** A generation is read as it was mapped. */
import { describe, expect, test } from 'vitest';
import type { Generation } from '../../../../../src/model/generation.js';
import { generationLog, generationSpan } from '../../../../helpers/generations.js';
import { recordSource, resource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import type { GenerationSession } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function generationRowContract(open: OpenSession<GenerationSession>): void {
  describe('rows', () => {
    const full: Partial<Generation> = {
      responseId: 'resp_1',
      serviceTier: 'flex',
      runId: 'ab'.repeat(16),
      billed: { cacheWrite1h: 2, inputImage: 2 ** 53 - 1, outputImage: 1, webSearches: 3 },
      usage: {
        input: 2 ** 53 - 1,
        output: 0,
        cacheRead: 1,
        cacheWrite: 2,
        reasoning: 3,
        inputAudio: 4,
        outputAudio: 5,
      },
      reportedCost: 12_345n,
      finishReasons: ['stop', 'length'],
      timeToFirstTokenNano: 7n,
      streaming: false,
      promptName: 'greet "it"',
      promptVersion: '3',
      promptHash: '0123456789abcdef',
      sessionId: 'session ☂',
      userId: "u'1",
      environment: 'production',
      release: '1.2.3',
      tags: ['a', 'b'],
      agentName: 'agent',
      workflowName: 'flow',
      toolName: 'tool',
      toolCallId: 'call_1',
      isError: true,
      mappingWarnings: ['a count is not a number'],
    };

    test('a generation of a span comes back with another value in some field', async () => {
      const session = await open();
      const span = generationSpan(recordSource(1), full, { name: 'chat', resource: resource('bot') });
      const frame = await session.writeOne({ spans: [span] });
      const { searchText: _, ...rest } = span.generation!;
      const expected = {
        ...rest,
        source: 'span',
        traceId: span.traceId,
        spanId: span.spanId,
        name: 'chat',
        service: 'bot',
        counted: true,
        receivedTimeUnixMs: frame.receivedTimeUnixMs,
      };
      const { traceId, spanId } = span;
      expect(await session.list()).toEqual([expected]);
      expect(await session.reader.getGeneration('default', { traceId, spanId })).toEqual(expected);
      expect(await session.reader.getGeneration('other', { traceId, spanId })).toBeUndefined();
    });

    test('a native log is another row than a span in a list and in sums, or is not found by its time', async () => {
      const session = await open();
      const source = recordSource(2);
      const log = generationLog(source, full, { resource: resource('bot') });
      await session.writeOne({ logRecords: [log] });
      const [found, ...others] = await session.list();
      expect(others).toEqual([]);
      const { searchText: _, ...rest } = log.generation;
      expect(found).toMatchObject({ ...rest, source: 'log', name: '', service: 'bot', counted: true });
      expect(found!.traceId).toBeUndefined();
      const place = { logTimeUnixNano: log.timeUnixNano };
      expect(await session.reader.getGeneration('default', place)).toEqual(found);
      expect(await session.reader.getGeneration('default', { logTimeUnixNano: 5n })).toBeUndefined();
      await expectSumsOfRows(session);
    });

    test('a field that was left out comes back as zero', async () => {
      const session = await open();
      const span = generationSpan(recordSource(3), { usage: {}, cost: undefined, streaming: undefined });
      await session.writeOne({ spans: [span] });
      const [found] = await session.list();
      expect(found).toMatchObject({ usage: {}, finishReasons: ['stop'] });
      expect([found!.cost, found!.streaming, found!.reportedCost]).toEqual([undefined, undefined, undefined]);
      expect((await session.usage())[0]!.unpriced).toBe(0);
    });

    test('a span without a generation has one', async () => {
      const session = await open();
      const span = recordSource(4).span();
      await session.writeOne({ spans: [span] });
      expect(await session.list({ kinds: ['span', 'llm'] })).toEqual([]);
      const { traceId, spanId } = span;
      expect(await session.reader.getGeneration('default', { traceId, spanId })).toBeUndefined();
    });
  });
}
