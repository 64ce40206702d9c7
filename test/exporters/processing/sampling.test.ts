import { describe, expect, it } from 'vitest';
import { bounded, compilePattern } from '../../../exporters/processing/patterns.js';
import { processParts } from '../../../exporters/processing/process.js';
import { thresholdOf } from '../../../exporters/processing/sampling.js';
import type { Signal } from '../../../src/component.js';
import { range } from '../../buffer/fixture.js';
import { Random } from '../../otlp/random-request.js';
import { decodeReference } from '../../otlp/reference.js';
import { field, message, text } from '../../otlp/wire.js';

function sampled(signal: Signal, items: Buffer[], percentage: number): Buffer[] {
  const payload = message(1, message(2, ...items));
  const { parts, payloads } = processParts({
    signal,
    steps: [{ kind: 'sample', processor: 's', percentage, precision: 4 }],
    parts: [{ workspace: 'w', items: items.length, bytes: payload.length }],
    payloads: new Uint8Array(payload),
  });
  expect(parts[0]?.items ?? 0).toBe(items.filter((item) => Buffer.from(payloads).includes(item)).length);
  return items.filter((item) => Buffer.from(payloads).includes(item));
}

/** A trace id with that randomness. */
const idOf = (randomness: string) => Buffer.from(`${'ab'.repeat(9)}${randomness}`, 'hex');
const spanOf = (randomness: string, traceState = '', number = 0) =>
  message(2, field(1, 2, idOf(randomness)), text(3, traceState), text(5, `span ${number}`));
const logOf = (randomness: string) => message(2, field(9, 2, idOf(randomness)), text(3, randomness));

describe('a threshold', () => {
  // The Collector's (pkg/sampling), and those of the specification's examples.
  it.each([
    [100, '00000000000000'],
    [50, '80000000000000'],
    [25, 'c0000000000000'],
    [10, 'e6660000000000'],
    [1, 'fd70a000000000'],
    [0, undefined],
  ])('of %d percent is another than the specification has', (percentage, threshold) => {
    expect(thresholdOf(percentage, 4)).toBe(threshold);
  });
});

describe('sampling by trace id', () => {
  it('keeps another share than it is told, or parts spans and logs of a trace', () => {
    const random = new Random(7);
    const ids = range(1, 4000).map(() => random.bytes(7).toString('hex'));
    const spans = sampled(
      'traces',
      ids.map((id) => spanOf(id)),
      20,
    ).length;
    expect(spans / ids.length).toBeGreaterThan(0.17);
    expect(spans / ids.length).toBeLessThan(0.23);
    const keptLogs = sampled('logs', ids.map(logOf), 20).map((item) => item.toString('latin1'));
    const keptSpans = ids.filter((id) => id >= thresholdOf(20, 4)!);
    expect(keptLogs).toEqual(keptSpans.map((id) => logOf(id).toString('latin1')));
    expect(spans).toBe(keptSpans.length);
  });

  it('goes by the randomness that the tracestate says, before that of the id', () => {
    const low = spanOf('00000000000000', 'vendor=x,ot=rv:ffffffffffffff');
    const high = spanOf('ffffffffffffff', 'ot=rv:00000000000000');
    expect(sampled('traces', [low, high], 50)).toEqual([low]);
  });

  it('keeps log records without a trace, and drops everything of traces at 0 percent', () => {
    const without = message(2, text(3, 'without'));
    expect(sampled('logs', [without, logOf('ffffffffffffff')], 0)).toEqual([without]);
  });

  it('leaves a span that says how it was sampled saying something else than is true', () => {
    const states = ['ot=th:c', 'ot=th:8', 'a=1,ot=p:8;th:0', ''];
    const payload = message(1, message(2, ...states.map((state) => spanOf('ffffffffffffff', state))));
    const { payloads } = processParts({
      signal: 'traces',
      steps: [{ kind: 'sample', processor: 's', percentage: 25, precision: 4 }],
      parts: [{ workspace: 'w', items: states.length, bytes: payload.length }],
      payloads: new Uint8Array(payload),
    });
    const decoded = decodeReference('traces', Buffer.from(payloads));
    const made = decoded.resourceSpans[0].scopeSpans[0].spans.map(
      ({ traceState }: { traceState: string }) => traceState,
    );
    expect(made).toEqual(['ot=th:c', 'ot=th:c', 'ot=p:8;th:c,a=1', '']);
  });
});

describe('a pattern that takes too long', () => {
  it('holds its thread up for ever, or anything else than it no longer matches', () => {
    const bad = compilePattern('^(a+)+$');
    const good = compilePattern('b$');
    const value = `${'a'.repeat(40)}b`;
    const { result, slow } = bounded(() => [bad('aaa'), bad(value), good(value)], 50);
    expect(result).toEqual([false, false, true]);
    expect(slow).toEqual(['^(a+)+$']);
    expect(bounded(() => bad('aaa')).result).toBe(true);
  });

  it('is none in a run that has much else to do, which is begun anew for ever', () => {
    const quick = compilePattern('b$');
    let attempts = 0;
    const work = () => {
      if (++attempts > 20) throw new Error('it is begun anew for ever');
      const endMs = performance.now() + 60;
      while (performance.now() < endMs);
      return quick('b');
    };
    expect(bounded(work, 20)).toEqual({ result: true, slow: [] });
  });
});
