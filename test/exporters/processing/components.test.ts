import { describe, expect, it } from 'vitest';
import { stepsFromFiles } from '../../../exporters/processing/components.js';
import { stepsFromVariables } from '../../../exporters/processing/config.js';
import type { AttributesStep } from '../../../exporters/processing/steps.js';
import { configOf, read } from '../../config-file/fixture.js';

const PIPELINES = `
receivers: {otlp: }
exporters: {file/a: {path: /tmp/a}, file/b: {path: /tmp/b}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [sampled, mine], exporters: [store, file/a]}
    logs: {receivers: [otlp], processors: [mine, filter/loud, resource, sampled], exporters: [store, file/a]}
    metrics: {receivers: [otlp], exporters: [store, file/b]}
`
  .replace('sampled, mine', 'probabilistic_sampler, attributes/mine')
  .replace('mine, filter/loud, resource, sampled', 'attributes/mine, filter/loud, resource, probabilistic_sampler');

const PROCESSORS = `
processors:
  probabilistic_sampler: {sampling_percentage: 12.5}
  attributes/mine:
    salt: hunter2
    contexts: [span, log]
    actions:
      - {key: user.email, action: hash}
      - {pattern: "^secret\\\\.", action: delete}
      - {key: a, action: rename, to: b}
  filter/loud:
    logs:
      include: {severity_number: {min: WARN}, workspaces: [w], attributes: [{key: status, values: [200, 201]}, {key: k}]}
      exclude: {match_type: regexp, services: ["^test-"], resource_attributes: [{key: env, value: dev}]}
  resource: {attributes: [{key: host.name, action: delete}]}
`;

const faultsOf = (processor: string) => read(`processors:\n  ${processor}\n`).faults.join('\n');

describe('processors of a file', () => {
  it('are steps in the order of the pipelines that lead to an exporter', () => {
    const { service } = configOf(PROCESSORS + PIPELINES);
    const sample = { kind: 'sample', processor: 'probabilistic_sampler', percentage: 12.5, precision: 4 };
    const attributes = {
      kind: 'attributes',
      processor: 'attributes/mine',
      contexts: ['span', 'log'],
      salt: 'hunter2',
      actions: [
        { key: 'user.email', action: 'hash' },
        { pattern: '^secret\\.', action: 'delete' },
        { key: 'a', action: 'rename', to: 'b' },
      ],
    };
    const steps = stepsFromFiles('file_a', service);
    expect(steps.traces).toEqual([sample, attributes]);
    expect(steps.metrics).toEqual([]);
    expect(steps.logs).toMatchObject([
      attributes,
      {
        kind: 'filter',
        processor: 'filter/loud',
        include: {
          isPattern: false,
          workspaces: ['w'],
          severity: { min: 13, matchUndefined: false },
          attributes: [
            { key: 'status', values: ['200', '201'] },
            { key: 'k', values: undefined },
          ],
        },
        exclude: { isPattern: true, services: ['^test-'], resourceAttributes: [{ key: 'env', values: ['dev'] }] },
      },
      { kind: 'attributes', contexts: ['resource'], actions: [{ key: 'host.name', action: 'delete' }] },
      sample,
    ]);
    expect(stepsFromFiles('file_b', service)).toEqual({ traces: [], logs: [], metrics: [] });
  });

  it('that differ between two pipelines of a signal to one exporter are a fault', () => {
    const other = '    traces/2: {receivers: [otlp], exporters: [store, file/a]}\n';
    const { service } = configOf(PROCESSORS + PIPELINES + other);
    expect(() => stepsFromFiles('file_a', service)).toThrow(
      'service.pipelines: traces and traces/2 lead to one exporter of traces, and name different processors',
    );
  });

  it('set attributes to values of the type that the file has', () => {
    const actions = ['5', '"5"', 'true', '1.5', 'a'].map((value) => `{key: k, action: upsert, value: ${value}}`);
    const yaml = `
receivers: {otlp: }
processors: {attributes: {actions: [${actions.join(', ')}]}}
exporters: {file: {path: a}}
service: {pipelines: {logs: {receivers: [otlp], processors: [attributes], exporters: [file]}}}
`;
    const values = (text: string) => {
      const [step] = stepsFromFiles('file', configOf(text).service).logs!;
      return (step as AttributesStep).actions.map(({ value }) => value);
    };
    expect(values(yaml)).toEqual([5, '5', true, 1.5, 'a']);
    expect(values(read(yaml).print())).toEqual([5, '5', true, 1.5, 'a']);
  });

  it('never show the secret of their hashes', () => {
    const printed = read(PROCESSORS + PIPELINES).print();
    expect(printed).toContain('sampling_percentage: 12.5');
    expect(printed).not.toContain('hunter2');
  });

  it.each([
    [
      'filter: {spans: {include: {span_name: [a]}}}',
      'span_name (gateway.yaml:2) is not a setting; did you mean span_names?',
    ],
    ['filter: {spans: {include: {}}}', 'expected what to match'],
    ['filter: {}', 'expected spans, logs or metrics'],
    ['filter: {spans: {}}', 'expected include, or exclude, or both'],
    ['filter: {spans: {exclude: {match_type: regexp, span_names: ["("]}}}', 'expected regular expressions'],
    ['filter: {logs: {exclude: {match_type: regexp, bodies: ["("]}}}', 'expected regular expressions'],
    ['filter: {spans: {exclude: {bodies: [a]}}}', 'bodies (gateway.yaml:2) is not a setting'],
    [
      'filter: {logs: {include: {severity_number: {min: LOUD}}}}',
      'severity_number.min="LOUD" (gateway.yaml:2): expected TRACE',
    ],
    [
      'attributes: {actions: [{key: a, action: convert}]}',
      'actions[0].action="convert" (gateway.yaml:2): expected one of: delete, hash, rename, insert, update, upsert',
    ],
    ['attributes: {actions: [{key: a, action: upsert}]}', 'expected value or from_attribute'],
    [
      'attributes: {actions: [{key: a, action: insert, value: b, from_attribute: c}]}',
      'expected value or from_attribute',
    ],
    ['attributes: {actions: [{pattern: a, action: update, value: b}]}', 'expected key, which is what it is called'],
    ['attributes: {actions: [{key: a, action: hash, value: b}]}', 'in insert, update and upsert alone'],
    ['attributes: {actions: [{action: delete}]}', 'expected key or pattern'],
    ['attributes: {actions: [{key: a, action: rename}]}', 'expected key and to'],
    ['attributes: {actions: [{pattern: a, action: rename, to: b}]}', 'expected key and to'],
    ['attributes: {actions: [{key: a, action: hash, to: b}]}', 'expected to in a rename alone'],
    ['attributes: {contexts: [spans], actions: [{key: a, action: hash}]}', 'expected one of: resource, scope, span'],
    ['probabilistic_sampler: {sampling_percentage: 101}', 'expected a number from 0 to 100'],
    ['probabilistic_sampler: {hash_seed: 22}', 'hash_seed (gateway.yaml:2) is not a setting'],
    ['filters: {}', 'is of no known type; did you mean filter?'],
  ])('%s is a fault', (processor, fault) => {
    expect(faultsOf(processor)).toContain(fault);
  });
});

describe('variables', () => {
  it('say what goes to the exporters that variables name', () => {
    const env = {
      EXPORTER_WORKSPACES: 'a, b',
      EXPORTER_SAMPLING_PERCENT: '10',
      EXPORTER_DROP_ATTRIBUTES: 'x',
      EXPORTER_HASH_ATTRIBUTES: 'y,z',
      EXPORTER_HASH_SALT: 's',
    };
    const { traces, metrics } = stepsFromVariables(configOf('', env).choosing);
    expect(traces).toMatchObject([
      { kind: 'filter', include: { workspaces: ['a', 'b'] } },
      { kind: 'sample', percentage: 10 },
      { kind: 'attributes', salt: 's', actions: [{ action: 'delete' }, { action: 'hash', key: 'y' }, { key: 'z' }] },
    ]);
    expect(metrics).toMatchObject([{ kind: 'filter' }, { kind: 'attributes' }]);
    expect(stepsFromVariables(configOf('').choosing)).toEqual({ traces: [], logs: [], metrics: [] });
  });

  it('that name no signal fail the start', () => {
    expect(read('', { EXPORTER_SIGNALS: 'spans' }).faults.join()).toContain('expected traces, logs, metrics');
  });
});
