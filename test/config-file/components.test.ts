// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what the files hold
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { type ComponentKind, readComponents } from '../../src/config-file/components.js';
import { mapAt } from '../../src/config-file/leaves.js';
import { readService } from '../../src/config-file/pipelines.js';
import { printConfig } from '../../src/config-file/print.js';
import { flag, integer, list, milliseconds, text } from '../../src/setting.js';
import { documentOf, read } from './fixture.js';

/** Spelled in every way that a component may choose: settings as text, zod's own types, nested, records, lists. */
const kind: ComponentKind = {
  key: 'exporters',
  types: {
    sink: {
      aliases: ['sinkhole'],
      settings: z.object({
        endpoint: text(),
        token: text().optional().meta({ secret: true }),
        maxInFlight: integer(1, 10).prefault('4'),
        insecure: flag().optional(),
        origins: list().optional(),
        headers: z.record(z.string(), z.string()).optional().meta({ secret: true }),
        sendingQueue: z.object({ enabled: z.boolean().default(true), size: z.number().int().optional() }).prefault({}),
        rules: z
          .array(z.object({ keep: z.enum(['errors', 'slow']), overMs: milliseconds(1, 1000).optional() }))
          .optional(),
        share: z.union([z.number(), z.literal('all')]).optional(),
      }),
    },
  },
  instead: { old: 'there is a new one' },
};

function components(yaml: string, variables: Record<string, string> = {}) {
  const { root, findings } = documentOf(yaml, variables);
  return { read: readComponents(mapAt(root, 'exporters', 'exporters', findings), kind, findings), findings };
}

const FULL = `
exporters:
  sink/a:
    endpoint: 0123
    token: hunter2
    insecure: yes
    origins: [a, b]
    headers: {X-Scope: 007, Authorization: Bearer hunter3}
    sending_queue: {size: 5}
    rules:
      - keep: errors
      - {keep: slow, over_ms: 500}
    share: 0.5
  sinkhole: {endpoint: e, share: all}
`;

describe('components of a file', () => {
  it('get their settings as their schemas ask for them: text stays text, numbers are numbers', () => {
    const { read, findings } = components(FULL);
    expect(findings.faults).toEqual([]);
    expect(read.map(({ id, type }) => [id, type])).toEqual([
      ['sink/a', 'sink'],
      ['sinkhole', 'sink'],
    ]);
    expect(read[0]!.settings).toEqual({
      endpoint: '0123',
      token: 'hunter2',
      maxInFlight: 4,
      insecure: true,
      origins: ['a', 'b'],
      headers: { 'X-Scope': '007', Authorization: 'Bearer hunter3' },
      sendingQueue: { enabled: true, size: 5 },
      rules: [{ keep: 'errors' }, { keep: 'slow', overMs: 500 }],
      share: 0.5,
    });
    expect(read[1]!.settings).toMatchObject({ share: 'all', sendingQueue: { enabled: true } });
  });

  it('a variable is text or a number as the field asks', () => {
    const yaml = 'exporters: {sink: {endpoint: "${N}", sending_queue: {size: "${N}", enabled: "${B}"}}}';
    const { read } = components(yaml, { N: '0123', B: 'false' });
    expect(read[0]!.settings).toMatchObject({ endpoint: '0123', sendingQueue: { size: 123, enabled: false } });
  });

  it('tell every fault with its path and line', () => {
    const yaml = `
exporters:
  sink/a:
    endpiont: x
    sending_queue:
      sizes: 1
  sink/b:
    endpoint: e
    max_in_flight: 11
    sending_queue: {size: many}
    rules: [{keep: fast}, {keep: slow, over_ms: 0}]
    token: ""
  sink/c:
  sink/d: 5
  sikn: {}
  old: {}
  sink/: {}
`;
    const faults = components(yaml).findings.faults;
    for (const expected of [
      'exporters.sink/a.endpiont (f.yaml:4) is not a setting; did you mean endpoint?',
      'exporters.sink/a.sending_queue.sizes (f.yaml:6) is not a setting; did you mean size?',
      'exporters.sink/b.max_in_flight="11" (f.yaml:9): expected a whole number from 1 to 10',
      'exporters.sink/b.sending_queue.size="many" (f.yaml:10): ',
      'exporters.sink/b.rules[0].keep="fast" (f.yaml:11): ',
      'exporters.sink/b.rules[1].over_ms="0" (f.yaml:11): expected a whole number from 1 to 1000',
      'exporters.sink/c.endpoint (f.yaml:13) is missing',
      'exporters.sink/d (f.yaml:14): expected a map, found a value',
      'exporters.sikn (f.yaml:15) is of no known type; did you mean sink?',
      'exporters.old (f.yaml:16) is not needed here: there is a new one',
      'exporters.sink/ (f.yaml:17): expected type or type/name',
    ]) {
      expect(faults.join('\n')).toContain(expected);
    }
  });

  it('a value at fault within something secret is hidden', () => {
    const { findings } = components('exporters: {sink: {endpoint: e, headers: {a: {b: hunter2}}}}');
    expect(findings.faults).toHaveLength(1);
    expect(findings.faults[0]).not.toContain('hunter2');
  });

  it('are printed with their defaults and places, secrets hidden, as a file that says the same', () => {
    const { read } = components(FULL.replace('0123', 'a$$b'));
    const printed = printConfig({
      settings: [],
      components: { exporters: read },
      schemaOf: () => kind.types.sink!.settings,
      pipelines: [],
    });
    expect(printed).not.toMatch(/hunter/);
    for (const line of ['insecure: yes # f.yaml:6', 'max_in_flight: 4 # default', 'size: 5 # f.yaml:9']) {
      expect(printed).toContain(line);
    }
    expect(parse(printed).exporters['sink/a'].headers).toEqual({
      'X-Scope': '[REDACTED]',
      Authorization: '[REDACTED]',
    });
    const again = components(printed).read;
    const visible = ({ settings }: (typeof read)[0]) => ({ ...(settings as object), token: '', headers: '' });
    expect(again.map(visible)).toEqual(read.map(visible));
  });
});

const ids = (...names: string[]) => new Map(names.map((name, at) => [name, `f.yaml:${at + 1}`]));
const defined = {
  receivers: { ids: ids('otlp'), builtIn: [] },
  processors: { ids: ids('drop'), builtIn: [] },
  exporters: { ids: ids('sink/a', 'sink/b'), builtIn: ['store'] },
  extensions: { ids: ids(), builtIn: [] },
};

function service(yaml: string) {
  const { root, findings } = documentOf(yaml);
  return {
    pipelines: readService({ service: mapAt(root, 'service', 'service', findings), defined, findings }),
    findings,
  };
}

describe('pipelines', () => {
  it('name components, in their order', () => {
    const yaml = `
service:
  pipelines:
    traces/all: {receivers: [otlp], processors: [drop], exporters: [store, sink/b, sink/a]}
    logs: {receivers: [otlp], exporters: [sink/a]}
`;
    const { pipelines, findings } = service(yaml);
    expect(pipelines).toMatchObject([
      { id: 'traces/all', signal: 'traces', processors: ['drop'], exporters: ['store', 'sink/b', 'sink/a'] },
      { id: 'logs', signal: 'logs', processors: [], exporters: ['sink/a'] },
    ]);
    expect([findings.faults, findings.warnings]).toEqual([[], []]);
  });

  it('what is used and not defined is a fault, what is defined and not used a warning', () => {
    const yaml = 'service: {pipelines: {traces: {receivers: [otpl], exporters: [sink/a, sink]}}}';
    const { findings } = service(yaml);
    expect(findings.faults).toEqual([
      'service.pipelines.traces.receivers (f.yaml:1) names otpl, which is not defined; did you mean otlp?',
      'service.pipelines.traces.exporters (f.yaml:1) names sink, which is not defined; did you mean sink/a?',
    ]);
    expect(findings.warnings).toEqual([
      'receivers.otlp (f.yaml:1) is defined, and used nowhere',
      'processors.drop (f.yaml:1) is defined, and used nowhere',
      'exporters.sink/b (f.yaml:2) is defined, and used nowhere',
    ]);
  });

  it.each([
    ['{pipelines: {profiles: {}}}', 'expected traces, logs or metrics'],
    ['{pipelines: {trace/x: {}}}', 'did you mean traces?'],
    ['{pipelines: {traces/: {}}}', 'expected traces, logs or metrics'],
    ['{pipelines: {traces: {receivers: [otlp]}}}', 'service.pipelines.traces (f.yaml:1) has no exporters'],
    ['{pipelines: {traces: {receivers: otlp, exporters: [store]}}}', 'expected a list, found a value'],
    ['{pipelines: {traces: {receivers: [otlp, otlp], exporters: [store]}}}', 'names otlp twice'],
    [
      '{pipelines: {traces: {recievers: [otlp]}}}',
      'traces.recievers (f.yaml:1) is not a setting; did you mean receivers?',
    ],
    ['{pipelines: {traces: }}', 'expected a map of receivers'],
    ['{pipelines: [traces]}', 'expected a map'],
    ['{pipeline: {}}', 'service.pipeline (f.yaml:1) is not a setting; did you mean pipelines?'],
    ['{extensions: [zpages]}', 'names zpages, which is not defined'],
    ['{telemetry: {}}', 'see logging'],
  ])('%s: %s', (yaml, expected) => expect(service(`service: ${yaml}`).findings.faults.join('\n')).toContain(expected));

  it('one that leaves out the store is told that it is stored all the same', () => {
    const { warnings } = read(
      'receivers: {otlp: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: []}}}',
    );
    expect(warnings.join()).toContain('it is stored all the same');
  });
});
