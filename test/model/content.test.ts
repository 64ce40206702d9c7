import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  CONTENT_MARK,
  type Extraction,
  type ExtractionOptions,
  LARGE_TEXT_CHARS,
  MIN_CONTENT_CHARS,
  putBack,
  takeOut,
} from '../../src/model/content.js';

const MIB = 2 ** 20;
const OF_ATTRIBUTES: ExtractionOptions = { field: 'attributes', maxValueBytes: MIB };

function restored({ text, places }: Extraction): string {
  return putBack(
    text,
    places.map(({ content, ...place }) => ({ ...place, text: content.text })),
  );
}

function taken(text: string, options: Partial<ExtractionOptions> = {}): Extraction {
  const extraction = takeOut(text, { ...OF_ATTRIBUTES, ...options });
  if (!extraction) throw new Error('nothing was taken out');
  return extraction;
}

function digestsOf({ places }: Extraction): string[] {
  return places.map(({ content }) => content.digest);
}

const image = randomBytes(3 * MIB).toString('base64');

/** Words, so that no one takes it for media. */
function prose(length: number): string {
  return 'The quick brown fox. '.repeat(Math.ceil(length / 21)).slice(0, length);
}

describe('what is large in a JSON text', () => {
  it('a short text is left as it is', () => {
    expect(takeOut(JSON.stringify({ a: 'x'.repeat(500) }), OF_ATTRIBUTES)).toBeUndefined();
    expect(takeOut(JSON.stringify({ a: prose(20_000), n: 1 }), OF_ATTRIBUTES)).toBeUndefined();
  });

  it('an image in a data URI within JSON within a string is one content, whatever stands around it', () => {
    const messages = (text: string) => JSON.stringify([{ type: text, url: `data:image/png;base64,${image}` }]);
    const one = taken(JSON.stringify({ 'gen_ai.input.messages': messages('a') }));
    const other = taken(JSON.stringify({ body: { url: `data:image/png;base64,${image}` } }));
    expect(one.places.map(({ content }) => content.text)).toEqual([image]);
    expect(digestsOf(other)).toEqual(digestsOf(one));
    expect(one.places[0]!.content.digest).toBe(createHash('sha256').update(image).digest('hex'));
  });

  it('an image is not cut, however small the limit', () => {
    const text = JSON.stringify({ image: `data:image/png;base64,${image}` });
    const extraction = taken(text, { maxValueBytes: 5000 });
    expect(extraction.cuts).toEqual([]);
    expect(restored(extraction)).toBe(text);
  });

  it('what is taken out leaves JSON, and comes back to the byte', () => {
    const text = `{"n":1.0,"big":{"$int":"9223372036854775807"},"nan":{"$double":"NaN"},"long":${JSON.stringify(prose(200_000))},"e":1e+300,"m":-0.0}`;
    const extraction = taken(text);
    expect(() => JSON.parse(extraction.text)).not.toThrow();
    expect(extraction.text.length).toBeLessThan(5000);
    expect(restored(extraction)).toBe(text);
  });

  it('a conversation that has grown shares the pieces that it had before', () => {
    const before = digestsOf(taken(JSON.stringify({ messages: prose(200_000) })));
    const after = digestsOf(taken(JSON.stringify({ messages: `${prose(200_000)} and so on` })));
    expect(after.slice(0, 6)).toEqual(before.slice(0, 6));
    expect(before).toHaveLength(Math.floor(200_000 / LARGE_TEXT_CHARS));
  });

  it('a text that looks like a mark comes back as it came, and refers to nothing', () => {
    const forged = `${CONTENT_MARK}${'0'.repeat(16)} 32768 characters]`;
    const text = JSON.stringify({ forged, long: `${forged}${prose(50_000)}` });
    const extraction = taken(text);
    expect(extraction.places).toHaveLength(2);
    expect(restored(extraction)).toBe(text);
  });

  it('no escape and no character is parted where a piece ends', () => {
    for (const unit of ['\\', '"', '\n', '\u0001', '\u{1F600}', 'é', '\\"', '\u0000x']) {
      for (let shift = 0; shift < 7; shift++) {
        const text = JSON.stringify({ long: '.'.repeat(shift) + unit.repeat(40_000), after: true });
        const extraction = taken(text);
        expect(() => JSON.parse(extraction.text)).not.toThrow();
        for (const { content } of extraction.places) expect(content.text).not.toMatch(/\p{Cs}/u);
        expect(restored(extraction)).toBe(text);
      }
    }
  });

  it('media that follow an escape leave the escape whole', () => {
    const media = image.slice(0, 10_000);
    for (const before of ['\n', '\u0001', '\\', '"', '\t\\n']) {
      const text = JSON.stringify({ long: before + media });
      const extraction = taken(text);
      expect(() => JSON.parse(extraction.text)).not.toThrow();
      expect(restored(extraction)).toBe(text);
    }
  });

  it('random texts come back to the byte', () => {
    const parts = [
      () => image.slice(0, 4000 + Math.random() * 3000),
      () => prose(Math.random() * 90_000),
      () => '\n"\\',
    ];
    for (let round = 0; round < 200; round++) {
      const value = () => Array.from({ length: 4 }, () => parts[Math.floor(Math.random() * parts.length)]!()).join('');
      const text = JSON.stringify({ a: value(), b: [value(), { c: JSON.stringify({ d: value() }) }], n: 1.5 });
      const extraction = takeOut(text, OF_ATTRIBUTES);
      if (!extraction) continue;
      expect(() => JSON.parse(extraction.text)).not.toThrow();
      expect(restored(extraction)).toBe(text);
    }
  });
});

describe('a value over the limit', () => {
  function promptOf(extraction: Extraction): string {
    return (JSON.parse(restored(extraction)) as Record<string, string>).prompt!;
  }

  it('is cut, says so at its end, and is named', () => {
    const prompt = prose(3_000_000);
    const extraction = taken(JSON.stringify({ other: 'x', prompt, tail: [1, { prompt: 'y' }] }));
    expect(promptOf(extraction)).toBe(`${prompt.slice(0, MIB)} [cut: ${MIB} of 3000000 bytes kept]`);
    expect(extraction.cuts).toEqual([{ attribute: 'prompt', keptBytes: MIB, bytes: 3_000_000 }]);
  });

  it('is measured and cut in UTF-8, at the border of a character, however it is escaped', () => {
    for (const unit of ['é', '€', '\u{1F600}', '\n', '\u0001', '"']) {
      const escaped = [...unit].map((char) => JSON.stringify(char).slice(1, -1)).join('');
      const asUnits = Array.from(
        { length: unit.length },
        (_, at) => `\\u${unit.charCodeAt(at).toString(16).padStart(4, '0')}`,
      );
      const bytes = Buffer.byteLength(unit);
      for (const written of [escaped, asUnits.join('')]) {
        const extraction = taken(`{"prompt":"${written.repeat(1000)}"}`, { maxValueBytes: 502 });
        const kept = Math.floor(502 / bytes);
        expect(promptOf(extraction)).toBe(`${unit.repeat(kept)} [cut: ${kept * bytes} of ${1000 * bytes} bytes kept]`);
      }
    }
  });

  it('of one letter is text, not media', () => {
    const extraction = taken(JSON.stringify({ prompt: 'x'.repeat(2 * MIB) }));
    expect(extraction.cuts).toHaveLength(1);
  });

  it('keeps the image before the cut, and counts text alone', () => {
    const before = `(${prose(500)})`;
    const extraction = taken(JSON.stringify({ prompt: `${before}${image}(${prose(2 * MIB)})` }));
    const [kept, all] = [MIB + image.length, before.length + image.length + 2 * MIB + 2];
    expect(promptOf(extraction).startsWith(`${before}${image}(The quick`)).toBe(true);
    expect(promptOf(extraction).endsWith(`[cut: ${kept} of ${all} bytes kept]`)).toBe(true);
  });

  it('in an event is named by its attribute, and a body is named as such', () => {
    const events = JSON.stringify([
      { timeUnixNano: '1', name: 'e', attributes: { a: 1, prompt: { text: prose(9000) } } },
    ]);
    const body = JSON.stringify({ prompt: prose(9000) });
    expect(taken(events, { field: 'events', maxValueBytes: 6000 }).cuts[0]!.attribute).toBe('prompt');
    expect(taken(body, { field: 'body', maxValueBytes: 6000 }).cuts[0]!.attribute).toBe('body');
  });

  it('a limit below what is taken out holds as well', () => {
    const extraction = taken(JSON.stringify({ prompt: prose(MIN_CONTENT_CHARS - 1000) }), { maxValueBytes: 100 });
    expect(promptOf(extraction)).toBe(`${prose(100)} [cut: 100 of 3096 bytes kept]`);
  });

  it('a name is not cut', () => {
    const text = JSON.stringify({ [prose(9000)]: 1 });
    expect(takeOut(text, { ...OF_ATTRIBUTES, maxValueBytes: 100 })).toBeUndefined();
  });
});
