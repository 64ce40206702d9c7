import { describe, expect, it } from 'vitest';
import { stepsFromFiles } from '../../../exporters/processing/components.js';
import { nopTailSamplingEvents } from '../../../exporters/tail-sampling/events.js';
import { createTailSamplers } from '../../../exporters/tail-sampling/samplers.js';
import type { BufferConsumer } from '../../../src/component.js';
import { configOf, read } from '../../config-file/fixture.js';

const file = (
  policies: string,
  pipelines = 'traces: {receivers: [otlp], processors: [tail_sampling], exporters: [file]}',
) => `
receivers: {otlp: }
processors:
  tail_sampling: {decision_wait: 10s, num_traces: 1000, policies: [${policies}]}
  tail_sampling/other: {policies: [{name: all, type: always_sample}]}
exporters: {file: {path: /tmp/a}, file/b: {path: /tmp/b}}
service: {pipelines: {${pipelines}}}
`;
const faultsOf = (policies: string) => read(file(policies)).faults.join('\n');

const ERRORS = '{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}';

function samplersOf(text: string) {
  const consumers: string[] = [];
  const { service } = configOf(text);
  const samplers = createTailSamplers({
    service,
    buffer: {
      id: 'none',
      renewConsumer(name) {
        consumers.push(name);
        return {} as BufferConsumer;
      },
      removeConsumer() {},
    },
    bufferMaxBytes: 1,
    maxWaitingBytes: () => 1,
    directory: '/nowhere',
    pool: { run: async () => Promise.reject(new Error('no pool')) },
    neededFrom: () => 0,
    events: nopTailSamplingEvents,
  });
  return { plan: samplers.plan(service), consumers };
}

const bury = async () => {};

describe('processors.tail_sampling', () => {
  it('takes the policies of the Collector, and our own', () => {
    const { service } = configOf(
      file(`${ERRORS}, {name: slow, type: latency, latency: {threshold_ms: 5000}},
        {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 12.5}},
        {name: costly, type: cost, cost: {threshold_usd: 0.5}}, {name: p, type: prompt, prompt: {names: [checkout]}},
        {name: both, type: and, and: {and_sub_policy: [{type: score, score: {below: 0.3}}, ${ERRORS}]}}`),
    );
    expect(service.processors[0]!.settings).toMatchObject({
      decisionWait: 10_000,
      numTraces: 1000,
      decisionCache: { sampledCacheSize: 250_000, nonSampledCacheSize: 250_000 },
      policies: [
        { name: 'errors', statusCode: { statusCodes: ['ERROR'] } },
        { latency: { thresholdMs: 5000, upperThresholdMs: 0 } },
        { probabilistic: { samplingPercentage: 12.5 } },
        { cost: { thresholdUsd: 0.5 } },
        { prompt: { names: ['checkout'] } },
        { and: { andSubPolicy: [{ score: { below: 0.3 } }, { name: 'errors' }] } },
      ],
    });
  });

  it.each([
    ['', 'expected a policy'],
    ['{name: a, type: latency}', 'expected latency, with what the policy asks for'],
    ['{name: a, type: latency, latency: {threshold: 5}}', 'did you mean threshold_ms?'],
    [
      '{name: a, type: always_sample, latency: {threshold_ms: 5}}',
      'expected no latency in a policy of the type always_sample',
    ],
    ['{name: a, type: probabilistic, probabilistic: {sampling_percentage: 101}}', 'expected a number from 0 to 100'],
    [
      '{name: a, type: string_attribute, string_attribute: {key: k, values: ["("], enabled_regex_matching: true}}',
      'expected regular expressions',
    ],
    ['{name: a, type: cost, cost: {}}', 'expected threshold_usd, or threshold_tokens, or both'],
    [`${ERRORS}, ${ERRORS}`, 'expected a name of its own for each policy'],
    [
      Array.from({ length: 31 }, (_, index) => ERRORS.replace('errors', `e${index}`)).join(),
      'expected at most 30 policies',
    ],
  ])('refuses %s', (policies, fault) => {
    expect(faultsOf(policies)).toContain(fault);
  });

  it('is believed to come behind what it stands behind, and does not', () => {
    const pipeline = (...ids: string[]) =>
      `traces: {receivers: [otlp], processors: [${ids.join(', ')}], exporters: [file]}`;
    const given = (...ids: string[]) => {
      const yaml = file(ERRORS, pipeline(...ids)).replace(
        'processors:',
        'processors:\n  resource: {attributes: [{key: a, action: delete}]}',
      );
      return read(yaml).faults;
    };
    expect(given('tail_sampling', 'tail_sampling/other', 'resource')).toEqual([]);
    expect(given('tail_sampling', 'resource', 'tail_sampling/other')).toEqual([
      expect.stringMatching(
        /^service\.pipelines\.traces\.processors \(gateway\.yaml:\d+\) names tail_sampling\/other behind resource; .*name it first$/,
      ),
    ]);
  });

  it('chooses for the exporters that its pipelines lead to, and for no others', () => {
    const { plan, consumers } = samplersOf(
      file(
        ERRORS,
        'traces: {receivers: [otlp], processors: [tail_sampling], exporters: [file]}, ' +
          'logs: {receivers: [otlp], exporters: [file, file/b]}',
      ),
    );
    expect(consumers).toEqual(['tail_sampling.sampler']);
    expect(plan.chooserOf('file', bury)).toBeDefined();
    expect(plan.chooserOf('file_b', bury)).toBeUndefined();
  });

  it('is no step of what is processed item by item', () => {
    const { service } = configOf(file(ERRORS));
    expect(Object.values(stepsFromFiles('file', service)).flat()).toEqual([]);
  });

  it('must be the same in all pipelines of a signal to one exporter', () => {
    const { plan } = samplersOf(
      file(
        ERRORS,
        'traces: {receivers: [otlp], processors: [tail_sampling], exporters: [file]}, ' +
          'traces/b: {receivers: [otlp], processors: [tail_sampling/other], exporters: [file]}',
      ),
    );
    expect(() => plan.chooserOf('file', bury)).toThrow('traces and traces/b lead to one exporter of traces');
  });
});
