import { describe, expect, it } from 'vitest';
import { AsciiWords } from '../../../src/store/telemetry/postgres/ascii-words.js';
import { wordsOf } from '../../../src/store/telemetry/postgres/words.js';
import { randomSource } from '../../helpers/records.js';

const MAX_WORD_CHARS = 64;

function collected(words: AsciiWords, text: string): string[] | undefined {
  const count = words.collect(text);
  if (count === undefined) return undefined;
  const found = Buffer.from(words.lexemes()).toString('latin1').split('\0\0\0');
  expect(found.pop()).toBe('');
  expect(found).toHaveLength(count);
  return found;
}

describe('words of ASCII texts', () => {
  it('are others than the words of any text, or stand there twice', () => {
    const words = new AsciiWords(MAX_WORD_CHARS);
    const random = randomSource(5);
    const letters = 'abcXYZ019 .,-_/\n\t"\u0000'.split('');
    for (let round = 0; round < 200; round++) {
      const length = random() % 3_000;
      const text = Array.from({ length }, () => letters[random() % letters.length]).join('');
      expect(collected(words, text)).toEqual([...wordsOf(text)]);
    }
  });

  it('are lost at an end, by their length, or in a text full of words', () => {
    const words = new AsciiWords(MAX_WORD_CHARS);
    const full = Array.from({ length: 3_277 }, (_, at) => (at + 1_000).toString(36))
      .join(' ')
      .slice(0, 16_384);
    const texts = ['', 'a', ' a ', 'Aa aA', 'x'.repeat(64), 'x'.repeat(65), `${'x'.repeat(16_000)} y`, full];
    for (const text of texts) expect(collected(words, text)).toEqual([...wordsOf(text)]);
  });

  it('are told of a text with other letters, or of one that is too long', () => {
    const words = new AsciiWords(MAX_WORD_CHARS);
    for (const text of ['é', 'naïve word', 'a\ud800', '猫', 'a '.repeat(8_193)]) {
      expect(collected(words, text)).toBeUndefined();
    }
    expect(collected(words, 'as before')).toEqual(['as', 'before']);
  });
});
