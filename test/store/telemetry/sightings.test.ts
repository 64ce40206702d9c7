import { describe, expect, it } from 'vitest';
import { type Sighting, SightingIndex } from '../../../src/store/telemetry/sightings.js';

function sighting(of: Partial<Sighting>): Sighting {
  const usage = { input: 10, output: 5 };
  const times = { startTimeUnixNano: 100n, durationNano: 10n };
  return { model: 'm', responseId: '', usage, ...times, spanId: '', parentSpanId: 'root', scope: 'a', ...of };
}

/** Counts how often its times are compared, which is the last that two sightings are compared by. */
function watched(of: Partial<Sighting>, comparisons: { count: number }): Sighting {
  return Object.defineProperty(sighting(of), 'startTimeUnixNano', {
    get: () => {
      comparisons.count++;
      return 100n;
    },
  });
}

describe('the calls of a trace', () => {
  it('are each compared with each, where it calls models thousands of times', () => {
    const comparisons = { count: 0 };
    const index = new SightingIndex();
    let found = 0;
    for (let at = 0; at < 5_000; at++) {
      const usage = { input: at % 100, output: at };
      const outer = watched({ spanId: `o${at}`, usage }, comparisons);
      const inner = watched({ spanId: `i${at}`, parentSpanId: `o${at}`, scope: 'b', usage }, comparisons);
      const alike = watched({ spanId: `s${at}` }, comparisons);
      for (const call of [outer, inner, alike]) {
        if (index.has(call)) found++;
        else index.add(call);
      }
    }
    expect(found).toBe(4_999);
    expect(comparisons.count).toBeLessThan(6 * 5_000);
  });

  it.each([
    ['a parent', { spanId: 'p', parentSpanId: '' }, { spanId: 'c', parentSpanId: 'p', scope: 'b' }, true],
    ['a child', { spanId: 'c', parentSpanId: 'p' }, { spanId: 'p', parentSpanId: '', scope: 'b' }, true],
    ['a sibling', { spanId: 'c' }, { spanId: 'd', scope: 'b' }, true],
    ['a sibling with a response', { spanId: 'c', responseId: 'r' }, { spanId: 'd', scope: 'b' }, true],
    ['another response', { spanId: 'c', responseId: 'r' }, { spanId: 'd', scope: 'b', responseId: 'q' }, false],
    ['one of the same scope', { spanId: 'c' }, { spanId: 'd' }, false],
    ['a call within it of the same scope', { spanId: 'c', parentSpanId: 'p' }, { spanId: 'p', parentSpanId: '' }, true],
    ['a call around it of the same scope', { spanId: 'p', parentSpanId: '' }, { spanId: 'c', parentSpanId: 'p' }, true],
    [
      'another response within it',
      { spanId: 'c', parentSpanId: 'p', responseId: 'r' },
      { spanId: 'p', responseId: 'q' },
      false,
    ],
    ['another root', { spanId: 'p', parentSpanId: '' }, { spanId: 'q', parentSpanId: '', scope: 'b' }, false],
    ['a log without a span', { parentSpanId: '' }, { spanId: 'd', parentSpanId: '', scope: 'b' }, false],
    ['other tokens', { spanId: 'c' }, { spanId: 'd', scope: 'b', usage: { input: 10 } }, false],
    ['no tokens', { spanId: 'c', usage: {} }, { spanId: 'd', scope: 'b', usage: {} }, false],
    ['another model', { spanId: 'c' }, { spanId: 'd', scope: 'b', model: 'n' }, false],
    ['a call that begins as it ends', { spanId: 'c' }, { spanId: 'd', scope: 'b', startTimeUnixNano: 110n }, true],
    ['a call that ends as it begins', { spanId: 'c' }, { spanId: 'd', scope: 'b', startTimeUnixNano: 90n }, true],
    ['a later call', { spanId: 'c' }, { spanId: 'd', scope: 'b', startTimeUnixNano: 111n }, false],
  ])('are mistaken for %s, or it is not found among them', (_, known, asked, isSame) => {
    const index = new SightingIndex();
    index.add(sighting(known));
    expect(index.has(sighting(asked))).toBe(isSame);
  });
});
