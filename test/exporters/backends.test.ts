import { describe, expect, it } from 'vitest';
import { createBackends } from '../../exporters/backends.js';
import type { TaskPool } from '../../src/component.js';
import { configOf, read } from '../config-file/fixture.js';

const pool: TaskPool = {
  run: async () => {
    throw new Error('nothing is sent here');
  },
};

function backends(yaml: string, env: Record<string, string> = {}) {
  const config = configOf(yaml, env);
  const made = createBackends({ config, queue: config.exporting, pool, version: '1.2.3', gatewayId: () => 'g' });
  return Object.fromEntries(made.map((backend) => [backend.name, backend]));
}

const pipelines = (traces: string, logs = 'store') => `
receivers: {otlp: }
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [${traces}]}
    logs: {receivers: [otlp], exporters: [${logs}]}
`;

const DATADOG = { DATADOG_EXPORTER: 'agentless', DD_API_KEY: 'hunter2' };

describe('Datadog', () => {
  it('is named by variables once, and gets requests that its intake takes', () => {
    const { datadog } = backends('', DATADOG);
    expect(Object.keys(datadog!.transports).sort()).toEqual(['logs', 'metrics', 'traces']);
    expect(datadog!.queue.maxRequestBytes).toBe(3_200_000);
    expect(datadog!.urls.map(({ host }) => host)).toContain('otlp.datadoghq.com');
    expect(datadog!.advice).toContain('delta');
  });

  it('is sent no larger requests than an operator allows', () => {
    expect(backends('', { ...DATADOG, EXPORTER_MAX_REQUEST_BYTES: '1MiB' }).datadog!.queue.maxRequestBytes).toBe(
      2 ** 20,
    );
  });

  it('is not made by a DD_ variable alone, which other programs read too', () => {
    expect(backends('', { DD_API_KEY: 'x', DD_AGENT_HOST: 'h' })).toEqual({});
  });

  it('of a file gets the signals of its pipelines, with a queue of its own', () => {
    const yaml = `exporters: {datadog/eu: {mode: agentless, site: datadoghq.eu, api_key: k, start_at: now}}`;
    const { datadog_eu: eu } = backends(`${yaml}\n${pipelines('store, datadog/eu')}`);
    expect(Object.keys(eu!.transports)).toEqual(['traces']);
    expect(eu!.queue).toMatchObject({ startAt: 'now', maxRequestBytes: 3_200_000 });
  });

  it('of a file that sends by the API for traces is in no other pipeline', () => {
    const yaml = `exporters: {datadog: {mode: agent-traces}}\n${pipelines('store', 'store, datadog')}`;
    expect(() => backends(yaml)).toThrow('exporters.datadog takes traces alone: take it out of the pipeline of logs');
  });

  it('of a file gives way to that of variables, which is told', () => {
    const yaml = `exporters: {datadog: {mode: agent-traces}}\n${pipelines('store, datadog')}`;
    const { datadog } = backends(yaml, DATADOG);
    expect(Object.keys(datadog!.transports)).toHaveLength(3);
    expect(datadog!.advice).toContain('does not count');
  });

  it('needs a key without an Agent, which is never shown', () => {
    expect(() => backends('', { DATADOG_EXPORTER: 'agentless' })).toThrow('DD_API_KEY');
    const missing = read('exporters: {datadog: {mode: agentless}}').faults.join('\n');
    expect(missing).toContain('exporters.datadog (gateway.yaml:1): mode: agentless needs an api_key');
    const yaml = `exporters: {datadog: {mode: agentless, api_key: hunter2}}\n${pipelines('store, datadog')}`;
    expect(read(yaml).print()).not.toContain('hunter2');
    expect(read('', DATADOG).print()).not.toContain('hunter2');
  });
});

describe('files', () => {
  it('take every signal by a variable, and have no address of their own', () => {
    const { file } = backends('', { FILE_EXPORTER_PATH: '/tmp/never-written.ndjson' });
    expect(Object.keys(file!.transports).sort()).toEqual(['logs', 'metrics', 'traces']);
    expect(file).toMatchObject({ urls: [] });
  });

  it('are as many as a configuration file has', () => {
    const yaml = `exporters: {file/a: {path: a.ndjson, max_files: 3}, file/b: {path: b.ndjson}}`;
    const made = backends(`${yaml}\n${pipelines('store, file/a', 'store, file/a, file/b')}`);
    const signals = Object.entries(made).map(([name, { transports }]) => [name, Object.keys(transports).sort()]);
    expect(signals).toEqual([
      ['file_a', ['logs', 'traces']],
      ['file_b', ['logs']],
    ]);
  });

  it('are not written by two exporters', () => {
    const yaml = `exporters: {file/a: {path: a.ndjson}, file/b: {path: ./a.ndjson}}`;
    expect(() => backends(`${yaml}\n${pipelines('store, file/a, file/b')}`)).toThrow('to the file of another one');
  });

  it.each([
    ['file: {}', 'exporters.file.path (gateway.yaml:1) is missing'],
    ['file: {path: a, max_file: 3}', 'max_file (gateway.yaml:1) is not a setting; did you mean max_files?'],
    ['file: {path: a, sync: sometimes}', 'expected one of: always, interval, off'],
    ['datadog: {mode: direct}', 'expected one of: agent, agentless, agent-traces'],
  ])('%s is refused', (yaml, expected) => {
    expect(read(`exporters: {${yaml}}`).faults.join('\n')).toContain(expected);
  });
});
