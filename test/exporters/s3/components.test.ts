import { describe, expect, it } from 'vitest';
import { createBackends } from '../../../exporters/backends.js';
import type { TaskPool } from '../../../src/component.js';
import { configOf, read } from '../../config-file/fixture.js';

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

const pipelinesTo = (...exporters: string[]) => `
receivers: {otlp: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [store, ${exporters.join(', ')}]}}}
`;

describe('an exporter into a bucket', () => {
  it('is not named by a variable, or not once for all signals', () => {
    const { s3 } = backends('', { S3_EXPORTER_BUCKET: 'b', S3_EXPORTER_PREFIX: 'a/b' });
    expect(Object.keys(s3!.transports).sort()).toEqual(['logs', 'metrics', 'traces']);
    expect(new Set(Object.values(s3!.transports)).size).toBe(1);
    expect(s3!.transports.logs).toMatchObject({ endpoint: 's3://b/a/b', byWorkspace: true, byHour: true });
    expect(s3).toMatchObject({ urls: [] });
  });

  it('is made by the variables of the prompt registry', () => {
    expect(backends('', { S3_BUCKET: 'prompts', S3_ENDPOINT: 'http://localhost:9000' })).toEqual({});
  });

  it('makes objects as small as the requests of others, unless that is asked for', () => {
    const large = { lingerMs: 60_000, maxRequestBytes: 2 ** 24, maxRequestItems: 50_000, maxInFlight: 2 };
    const env = { S3_EXPORTER_BUCKET: 'b', EXPORTER_LINGER_MS: '5' };
    expect(backends('', env).s3!.queue).toMatchObject(large);
    expect(backends('', { ...env, S3_EXPORTER_LINGER_MS: '100' }).s3!.queue).toMatchObject({ ...large, lingerMs: 100 });
    const yaml = 'exporters: {s3: {s3uploader: {s3_bucket: b}, max_request_items: 10, start_at: now}}';
    expect(backends(`${yaml}\n${pipelinesTo('s3')}`).s3!.queue).toMatchObject({
      ...{ ...large, maxRequestItems: 10 },
      startAt: 'now',
    });
  });

  it('of a file has other settings than those of the Collector’s', () => {
    const uploader = '{region: eu-central-1, s3_bucket: b, s3_prefix: p, endpoint: "http://minio:9000"}';
    const yaml = `exporters: {awss3/archive: {s3uploader: ${uploader}, marshaler: parquet}}`;
    const { awss3_archive: made } = backends(`${yaml}\n${pipelinesTo('awss3/archive')}`);
    expect(Object.keys(made!.transports)).toEqual(['traces']);
    expect(made!.transports.traces!.endpoint).toBe('s3://b/p');
    expect(made!.urls.map(({ host }) => host)).toEqual(['minio:9000']);
  });

  it('shows its keys', () => {
    const uploader = '{s3_bucket: b, access_key: hunter1, secret_key: hunter2}';
    const yaml = `exporters: {s3: {s3uploader: ${uploader}}}\n${pipelinesTo('s3')}`;
    const env = { S3_EXPORTER_BUCKET: 'b', S3_EXPORTER_ACCESS_KEY: 'hunter3', S3_EXPORTER_SECRET_KEY: 'hunter4' };
    expect(read(yaml, env).print()).not.toMatch(/hunter\d/);
    expect(read(yaml, env).print()).toContain('s3_bucket: b');
  });

  it.each([
    ['s3: {}', 'exporters.s3.s3uploader.s3_bucket (gateway.yaml:1) is missing'],
    ['s3: {s3uploader: {bucket: b}}', 's3uploader.bucket (gateway.yaml:1) is not a setting; did you mean s3_bucket?'],
    ['s3: {s3uploader: {s3_bucket: b}, marshaler: otlp_json}', 'expected one of: otlp_proto, parquet'],
    ['s3: {s3uploader: {s3_bucket: b, compression: zstd}}', 'expected one of: gzip, snappy, none'],
    ['s3: {s3uploader: {s3_bucket: b, endpoint: "minio:9000"}}', 'expected http://host:9000 or https://…'],
    ['s3: {s3uploader: {s3_bucket: b, s3_prefix: "a b"}}', 'expected letters, digits and any of'],
    ['s3: {s3uploader: {s3_bucket: b, s3_force_path_style: maybe}}', 'expected true or false'],
  ])('%s is taken', (yaml, expected) => {
    expect(read(`exporters: {${yaml}}`).faults.join('\n')).toContain(expected);
  });

  it.each([
    [{ S3_EXPORTER_ACCESS_KEY: 'a' }, 'The exporter s3: of an access key and a secret key, one is of no use'],
    [{ S3_EXPORTER_COMPRESSION: 'snappy' }, 'objects in otlp_proto are compressed with gzip, or not at all'],
  ])('with %o is made', (env, expected) => {
    expect(() => backends('', { S3_EXPORTER_BUCKET: 'b', ...env })).toThrow(expected);
  });
});
