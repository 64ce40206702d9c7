import { describe, expect, it } from 'vitest';
import { Policies } from '../../../exporters/tail-sampling/policies.js';
import { newSummary, type TraceSummary } from '../../../exporters/tail-sampling/trace-summary.js';
import type { Generation } from '../../../src/model/generation.js';
import type { LogRecord, Span } from '../../../src/model/telemetry.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { message, text } from '../../otlp/wire.js';
import { configOf, keyValue, type SpanInput, scoreFrame, spanOf } from './fixture.js';

const policiesOf = (...policies: object[]) =>
  new Policies(configOf({ policies: policies.map((policy, index) => ({ name: `p${index}`, ...policy })) }).policies);

function summaryOf(rest: Partial<TraceSummary> = {}): TraceSummary {
  const place = { key: new Uint32Array(4), randomness: 0n, firstSequence: 1, deadlineMs: 0 };
  return { ...newSummary(place), ...rest };
}

function decodedSpan(span: Partial<SpanInput>, resource = message(1)): Span {
  const payload = message(1, resource, message(2, spanOf({ trace: 1, span: 1, ...span })));
  return decodeRequest({ signal: 'traces', encoding: 'protobuf', payload }).spans[0]!;
}

/** Whether the policy keeps a trace of that one span. */
function keeps(policy: object, ...spans: Span[]): boolean {
  const policies = policiesOf(policy);
  const trace = summaryOf();
  const matched = policies.matchPatterns(spans, new Set());
  for (const [index, span] of spans.entries()) policies.noteSpan(trace, span, matched[index]);
  return policies.keeping(trace).length > 0;
}

describe('policies', () => {
  it('of a status keep a trace with one such span', () => {
    const policy = { type: 'status_code', statusCode: { statusCodes: ['ERROR'] } };
    expect(keeps(policy, decodedSpan({}), decodedSpan({ isError: true }), decodedSpan({}))).toBe(true);
    expect(keeps(policy, decodedSpan({}))).toBe(false);
    expect(keeps({ type: 'status_code', statusCode: { statusCodes: ['OK', 'UNSET'] } }, decodedSpan({}))).toBe(true);
  });

  it('of latency compare the whole trace, in whole milliseconds, as the Collector does', () => {
    const lasting = (ms: number) => summaryOf({ startTimeUnixNano: 1n, endTimeUnixNano: BigInt(ms) * 1_000_000n + 1n });
    const kept = (latency: object) =>
      [99, 100, 101, 200, 201].filter((ms) => policiesOf({ type: 'latency', latency }).keeping(lasting(ms)).length > 0);
    expect(kept({ thresholdMs: '100' })).toEqual([100, 101, 200, 201]);
    expect(kept({ thresholdMs: '100', upperThresholdMs: '200' })).toEqual([101, 200]);
  });

  it('of a share keep the traces with the highest randomness, more of them with a larger share', () => {
    const keptOf = (samplingPercentage: string, randomness: bigint) =>
      policiesOf({ type: 'probabilistic', probabilistic: { samplingPercentage } }).keeping(summaryOf({ randomness }))
        .length > 0;
    const top = 2n ** 56n;
    expect([0n, top - 1n].map((randomness) => keptOf('0', randomness))).toEqual([false, false]);
    expect([0n, top - 1n].map((randomness) => keptOf('100', randomness))).toEqual([true, true]);
    expect([top / 2n - 1n, top / 2n].map((randomness) => keptOf('50', randomness))).toEqual([false, true]);
    expect([top / 2n, (top * 3n) / 4n].map((randomness) => keptOf('25', randomness))).toEqual([false, true]);
  });

  it('of attributes look at the span and at its resource, and nowhere else', () => {
    const policy = (values: string[], rest = {}) => ({
      type: 'string_attribute',
      stringAttribute: { key: 'tier', values, ...rest },
    });
    const gold = decodedSpan({ attributes: { tier: 'gold', note: '"tier":"lead"' } });
    expect(keeps(policy(['lead', 'gold']), gold)).toBe(true);
    expect(keeps(policy(['lead']), gold)).toBe(false);
    expect(keeps(policy(['gold']), decodedSpan({}, message(1, keyValue(1, 'tier', 'gold'))))).toBe(true);
    expect(keeps(policy(['^g.*d$'], { enabledRegexMatching: 'true' }), gold)).toBe(true);
    expect(keeps(policy(['^g.*d$']), gold)).toBe(false);
  });

  it('of a pattern take no value for a match over which it takes too long, and go on', () => {
    const tier = (value: string) => decodedSpan({ attributes: { tier: value } });
    const rule = { key: 'tier', values: ['^(a+)+$', 'gold'], enabledRegexMatching: 'true' };
    const policies = policiesOf({ type: 'string_attribute', stringAttribute: rule });
    const slow = new Set<string>();
    expect(policies.matchPatterns([tier('gold'), tier('aa'), tier(`${'a'.repeat(40)}b`)], slow)).toEqual([1, 0, 0]);
    expect([...slow]).toEqual(['^(a+)+$']);
    expect(policies.matchPatterns([tier('aa'), tier('gold')], slow)).toEqual([0, 1]);
    expect(policies.matchPatterns([tier('aa'), tier('gold')], new Set())).toEqual([1, 1]);
  });

  it('of numbers and of truths compare values', () => {
    const between = { type: 'numeric_attribute', numericAttribute: { key: 'n', minValue: '5', maxValue: '10' } };
    const kept = [4.9, 5, 10, 10.1].filter((n) => keeps(between, decodedSpan({ attributes: { n } })));
    expect(kept).toEqual([5, 10]);
    const yes = { type: 'boolean_attribute', booleanAttribute: { key: 'beta', value: 'true' } };
    expect([true, false].map((beta) => keeps(yes, decodedSpan({ attributes: { beta } })))).toEqual([true, false]);
  });

  it('of cost and tokens sum the trace up', () => {
    const cost = policiesOf({ type: 'cost', cost: { thresholdUsd: '0.25', thresholdTokens: '1000' } });
    expect(cost.needs.generations).toBe(true);
    expect(cost.keeping(summaryOf({ picodollars: 249_999_999_999n, tokens: 999 }))).toEqual([]);
    expect(cost.keeping(summaryOf({ picodollars: 250_000_000_000n }))).toEqual(['p0']);
    expect(cost.keeping(summaryOf({ tokens: 1000 }))).toEqual(['p0']);
  });

  it('of scores read results of evaluations, in log records, in events and in attributes', () => {
    const recordOf = (score: number, name?: string): LogRecord =>
      decodeRequest({ signal: 'logs', encoding: 'protobuf', payload: scoreFrame(1, score, name).payload as Buffer })
        .logRecords[0]!;
    const kept = (record: LogRecord, score: object = {}) => {
      const policies = policiesOf({ type: 'score', score: { below: '0.5', ...score } });
      const trace = summaryOf();
      policies.noteLogRecord(trace, record);
      return policies.needs.logs && policies.keeping(trace).length > 0;
    };
    expect([kept(recordOf(0.4)), kept(recordOf(0.5))]).toEqual([true, false]);
    expect(kept(recordOf(0.4, 'toxicity'), { name: 'toxicity' })).toBe(true);
    expect(kept(recordOf(0.4, 'toxicity'), { name: 'helpfulness' })).toBe(false);
    expect(kept({ ...recordOf(0.4), eventName: 'another' })).toBe(false);
    const score = { type: 'score', score: { below: '0.5' } };
    expect(keeps(score, decodedSpan({ attributes: { 'gen_ai.evaluation.score.value': 0.1 } }))).toBe(true);
    const event = message(11, text(2, 'gen_ai.evaluation.result'), keyValue(3, 'gen_ai.evaluation.score.value', 0.1));
    const payload = message(1, message(2, message(2, spanOf({ trace: 1, span: 1 }).subarray(2), event)));
    const [span] = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload }).spans;
    expect(keeps(score, span!)).toBe(true);
  });

  it('of prompts look for their names in calls to models', () => {
    const named = (promptName: string) => ({ ...decodedSpan({}), generation: { promptName } as Generation });
    const policy = { type: 'prompt', prompt: { names: ['checkout', 'refund'] } };
    expect([keeps(policy, named('refund')), keeps(policy, named('')), keeps(policy, decodedSpan({}))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('that are joined by and ask for all of it, in the trace and not in one span', () => {
    const policy = {
      type: 'and',
      and: {
        andSubPolicy: [
          { type: 'status_code', statusCode: { statusCodes: ['ERROR'] } },
          { type: 'boolean_attribute', booleanAttribute: { key: 'beta', value: 'true' } },
        ],
      },
    };
    const [failed, beta] = [decodedSpan({ isError: true }), decodedSpan({ attributes: { beta: true } })];
    expect([keeps(policy, failed, beta), keeps(policy, failed), keeps(policy, beta)]).toEqual([true, false, false]);
    expect(keeps({ type: 'always_sample' })).toBe(true);
  });

  it('that keep the same trace are all named', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      type: 'numeric_attribute',
      numericAttribute: { key: `n${index}`, minValue: '1' },
    }));
    const policies = policiesOf(...many);
    const trace = summaryOf();
    policies.noteSpan(trace, decodedSpan({ attributes: { n0: 1, n29: 2, n5: 0 } }));
    expect(policies.keeping(trace)).toEqual(['p0', 'p29']);
  });
});
