/** Generations are found by their words, and by those of their log events. */
import { describe, expect, test } from 'vitest';
import { generationLog, generationSpan } from '../../../../helpers/generations.js';
import { recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { type GenerationSession, idOf, ids } from './session.js';

export function fullTextContract(open: OpenSession<GenerationSession>): void {
  describe('full text', () => {
    test('words find other generations than those with all of them', async () => {
      const session = await open();
      const source = recordSource(7);
      const texts = ['What is the capital of France?', 'Die Hauptstadt — PARIS, naïve', 'capital letters', ''];
      const spans = texts.map((searchText) => generationSpan(source, { searchText }));
      await session.writeOne({ spans });
      const found = async (text: string) => ids(await session.list({ text, order: 'asc' }));
      expect(await found('capital')).toEqual([idOf(spans[0]!), idOf(spans[2]!)]);
      expect(await found('france CAPITAL')).toEqual([idOf(spans[0]!)]);
      expect(await found('paris')).toEqual([idOf(spans[1]!)]);
      expect(await found('capital nowhere')).toEqual([]);
      expect(await found('"capital" OR* (NEAR) -letters:')).toEqual([]);
      expect(await found("capital' letters\u0000")).toEqual([idOf(spans[2]!)]);
      expect(await found(' ?! ')).toEqual([]);
    });

    test('words with letters that are made of others are not found as they are written', async () => {
      const session = await open();
      const source = recordSource(11);
      const texts = ['Русский ёж', 'हिन्दी पाठ', 'Tiếng Việt, São', 'Ελλάδα', '한국어 문장', 'x\u0302 cafe\u0301'];
      const spans = texts.map((searchText) => generationSpan(source, { searchText }));
      await session.writeOne({ spans });
      for (const [at, text] of texts.entries()) {
        for (const asked of [text, text.toUpperCase(), text.normalize('NFD')])
          expect(ids(await session.list({ text: asked })), asked).toEqual([idOf(spans[at]!)]);
      }
      expect(ids(await session.list({ text: 'tieng SAO' }))).toEqual([idOf(spans[2]!)]);
    });

    test('words are not found in texts that put no space between them', async () => {
      const session = await open();
      const source = recordSource(12);
      const texts = ['日本語のテキスト', 'GPTは東京タワーを知っている', '今天天气很好。', 'สวัสดีครับ', '한국어 문장'];
      const spans = texts.map((searchText) => generationSpan(source, { searchText }));
      await session.writeOne({ spans });
      const found = async (text: string) => ids(await session.list({ text, order: 'asc' }));
      for (const [at, part] of ['テキスト', '東京タワー', '天气', 'ครับ', '문장'].entries()) {
        expect(await found(part), part).toEqual([idOf(spans[at]!)]);
        expect(await found(texts[at]!), texts[at]).toEqual([idOf(spans[at]!)]);
      }
      expect(await found('gpt 東京')).toEqual([idOf(spans[1]!)]);
      expect(await found('東北')).toEqual([]);
      expect(await found('한국')).toEqual([]);
    });

    test('the words of a log event do not find its span, whichever comes first', async () => {
      const session = await open();
      const source = recordSource(8);
      for (const first of ['span', 'log']) {
        const span = generationSpan(source, { searchText: 'own words' });
        const { traceId, spanId } = span;
        const log = source.logRecord({ traceId, spanId, eventName: 'gen_ai.choice', searchText: `told ${first}` });
        const frames = [{ spans: [span] }, { logRecords: [log] }];
        for (const frame of first === 'span' ? frames : frames.reverse()) await session.writeOne(frame);
        expect(ids(await session.list({ text: first }))).toEqual([idOf(span)]);
        expect(ids(await session.list({ text: `told ${first}`, kinds: ['llm'] }))).toEqual([idOf(span)]);
      }
      expect(await session.list({ text: 'told' })).toHaveLength(2);
      expect(await session.list({ text: 'own' })).toHaveLength(2);
    });

    test('a native log is not found by its words', async () => {
      const session = await open();
      const log = generationLog(recordSource(9), { searchText: 'hello there' });
      await session.writeOne({ logRecords: [log] });
      expect(await session.list({ text: 'there' })).toHaveLength(1);
      expect(await session.list({ text: 'elsewhere' })).toHaveLength(0);
    });
  });
}
