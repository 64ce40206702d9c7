import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { otlpExporters } from '../../exporters/otlp/config.js';
import { listSettings, loadConfig } from '../../src/config.js';
import { documentText } from '../helpers/documents.js';

const directory = mkdtempSync(path.join(tmpdir(), 'exporter-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const exportersOf = (env: Record<string, string>) => otlpExporters(loadConfig({ env, directory }));

function urlsOf(env: Record<string, string>): Record<string, string> {
  const [exporter] = exportersOf(env);
  const entries = Object.entries(exporter?.destinations ?? {});
  return Object.fromEntries(entries.map(([signal, { url }]) => [signal, url.href]));
}

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

describe("an SDK's variables", () => {
  it('make no exporter without an endpoint', () => {
    expect(exportersOf({})).toEqual([]);
    expect(exportersOf({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual([]);
  });

  it('make one exporter by an endpoint alone: HTTP, protobuf, uncompressed, ten seconds', () => {
    const [exporter, ...others] = exportersOf({ [ENDPOINT]: 'http://backend:4318' });
    expect(others).toEqual([]);
    expect(exporter).toMatchObject({
      name: 'otlp',
      destinations: {
        traces: { protocol: 'http/protobuf', headers: {}, compression: 'none', timeoutMs: 10_000 },
      },
    });
    expect(Object.keys(exporter!.destinations)).toEqual(['traces', 'logs', 'metrics']);
  });

  it.each([
    ['http://backend:4318', 'http://backend:4318/v1/traces'],
    ['http://backend:4318/', 'http://backend:4318/v1/traces'],
    ['https://backend/otlp', 'https://backend/otlp/v1/traces'],
    ['https://backend/otlp/?key=1', 'https://backend/otlp/v1/traces?key=1'],
  ])('add the path of the signal to %s', (endpoint, traces) => {
    expect(urlsOf({ [ENDPOINT]: endpoint })).toMatchObject({ traces });
  });

  it('take the endpoint of a signal as it is, and send that signal alone when there is no other', () => {
    const own = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs:9000/ingest' };
    expect(urlsOf(own)).toEqual({ logs: 'http://logs:9000/ingest' });
    expect(urlsOf({ ...own, [ENDPOINT]: 'http://all:4318' })).toEqual({
      traces: 'http://all:4318/v1/traces',
      logs: 'http://logs:9000/ingest',
      metrics: 'http://all:4318/v1/metrics',
    });
    expect(urlsOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t:1' })).toEqual({ traces: 'http://t:1/' });
  });

  it("put each of a signal's own before those of all", () => {
    const [exporter] = exportersOf({
      [ENDPOINT]: 'http://all:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'x=all',
      OTEL_EXPORTER_OTLP_TIMEOUT: '3000',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=traces',
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: '/ca.pem',
    });
    expect(exporter!.destinations).toMatchObject({
      traces: { headers: { x: 'traces' }, compression: 'gzip', timeoutMs: 3000, protocol: 'http/protobuf' },
      logs: { headers: { x: 'all' }, compression: 'none', protocol: 'grpc' },
      metrics: { headers: { x: 'all' }, tls: { certificate: '/ca.pem' } },
    });
  });

  it.each([
    ['http://backend:4317', 'false', 'http://backend:4317/'],
    ['http://backend:4317/ignored', undefined, 'http://backend:4317/'],
    ['https://backend:4317', 'true', 'https://backend:4317/'],
    ['backend:4317', undefined, 'https://backend:4317/'],
    ['backend:4317', 'false', 'https://backend:4317/'],
    ['backend:4317', 'true', 'http://backend:4317/'],
    ['[::1]:4317', 'true', 'http://[::1]:4317/'],
  ])('with grpc read %s (insecure: %s) as %s', (endpoint, insecure, traces) => {
    const env = { [ENDPOINT]: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(urlsOf(insecure === undefined ? env : { ...env, OTEL_EXPORTER_OTLP_INSECURE: insecure })).toMatchObject({
      traces,
    });
  });

  it.each([
    ['a=b', { a: 'b' }],
    ['Authorization=Bearer%20x%3D%3D, X-Tenant = 7 ', { authorization: 'Bearer x==', 'x-tenant': '7' }],
    ['a=b=c,', { a: 'b=c' }],
    ['a=100%', { a: '100%' }],
  ])('read the headers %s', (text, headers) => {
    const [exporter] = exportersOf({ [ENDPOINT]: 'http://b', OTEL_EXPORTER_OTLP_HEADERS: text });
    expect(exporter!.destinations.traces!.headers).toEqual(headers);
  });

  it.each([
    [{ [ENDPOINT]: 'ftp://backend' }, 'expected http://host:port'],
    [{ [ENDPOINT]: 'http://' }, 'expected http://host:port'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' }, 'expected one of: http/protobuf, http/json, grpc'],
    [{ OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: 'zstd' }, 'OTEL_EXPORTER_OTLP_LOGS_COMPRESSION="zstd"'],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'secret-without-a-name' }, 'OTEL_EXPORTER_OTLP_HEADERS=(hidden)'],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=x%0d%0ay' }, 'expected name=value,name=value'],
    [{ EXPORTER_BUFFER_SHARE: '100' }, 'a whole number from 1 to 95'],
  ] as [Record<string, string>, string][])(
    'that are wrong (%j) fail the start with what was expected',
    (env, fault) => {
      expect(() => loadConfig({ env, directory })).toThrow(fault);
    },
  );

  it.each([
    ['grpc', 'x-trace-bin', 'QUJD'],
    ['grpc', 'x$y', 'v'],
    ['grpc', 'x-y', 'a%09b'],
    ['http/protobuf', 'transfer-encoding', 'chunked'],
    ['http/protobuf', 'content-length', '12'],
  ])(
    'fail the start when no request of %s could carry the header %s, without telling its value',
    (protocol, name, value) => {
      const OTEL_EXPORTER_OTLP_HEADERS = `${name}=hunter2${value}`;
      const make = () =>
        exportersOf({ [ENDPOINT]: 'http://b', OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_HEADERS });
      expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }));
      expect(make).not.toThrow(/hunter2/);
    },
  );

  it('fail the start without telling the password of an endpoint', () => {
    const make = () => exportersOf({ [ENDPOINT]: 'user:hunter2@collector:4318' });
    expect(make).toThrow(/^collector:4318: an OTLP/);
    expect(make).not.toThrow(/hunter2/);
  });

  const BASIC = `Basic ${Buffer.from('me:p@ss:w').toString('base64')}`;

  it.each([
    [{ [ENDPOINT]: 'https://me:p%40ss:w@b:4318/x' }, 'https://b:4318/x/v1/traces', BASIC],
    [{ [ENDPOINT]: 'me:p%40ss:w@b:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'https://b:4317/', BASIC],
    [{ [ENDPOINT]: 'http://me:p%40ss:w@b:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'http://b:4317/', BASIC],
    [
      { [ENDPOINT]: 'http://me:other@b', OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer t' },
      'http://b/v1/traces',
      'Bearer t',
    ],
  ] as [Record<string, string>, string, string][])(
    'leave the user of an endpoint out, or send its password elsewhere (%#)',
    (env, url, authorization) => {
      const { traces } = exportersOf(env)[0]!.destinations;
      expect([traces!.url.href, traces!.headers.authorization]).toEqual([url, authorization]);
    },
  );

  it.each(['S3_EXPORTER_ENDPOINT', 'DD_TRACE_AGENT_URL'])('leave the user of %s out in silence', (name) => {
    const start = () => loadConfig({ env: { [name]: 'http://me:hunter2@host:9' }, directory });
    expect(start).toThrow(`${name}="http://(hidden)@host:9" (environment): expected no user in it`);
  });

  it.each(['ftp://me:hunter2@b', 'http://me:hunter2/@b:80:80', 'https://hunter2@b:x'])(
    'fail the start with the password of %s in what is told',
    (endpoint) => {
      const start = () => loadConfig({ env: { [ENDPOINT]: endpoint }, directory });
      expect(start).toThrow('(hidden)@b');
      expect(start).not.toThrow(/hunter2/);
    },
  );

  it('fail the start when HTTP is asked for without a scheme', () => {
    expect(() => exportersOf({ [ENDPOINT]: 'backend:4318' })).toThrow(/backend:4318.*http:\/\//);
  });
});

describe('a preset', () => {
  it('sends traces alone, by the protocol that its port tells', () => {
    const env = {
      TEMPO_ENDPOINT: 'http://tempo:4317',
      TEMPO_TENANT: 'team-{workspace}',
      JAEGER_ENDPOINT: 'https://jaeger:4318',
    };
    expect(exportersOf(env)).toMatchObject([
      {
        name: 'tempo',
        destinations: { traces: { protocol: 'grpc', headers: { 'x-scope-orgid': 'team-{workspace}' } } },
        advice: expect.stringContaining('max_attribute_bytes'),
      },
      { name: 'jaeger', destinations: { traces: { protocol: 'http/protobuf', headers: {} } } },
    ]);
    const [tempo, jaeger] = exportersOf(env);
    expect(tempo!.destinations.traces!.url.href).toBe('http://tempo:4317/');
    expect(jaeger!.destinations.traces!.url.href).toBe('https://jaeger:4318/v1/traces');
    expect(Object.keys(jaeger!.destinations)).toEqual(['traces']);
  });

  it('stands beside the exporter of the variables', () => {
    const env = { [ENDPOINT]: 'http://all:4318', JAEGER_ENDPOINT: 'http://jaeger:4318' };
    expect(exportersOf(env).map(({ name }) => name)).toEqual(['otlp', 'jaeger']);
  });
});

describe('the guide to sending on', () => {
  it('names settings that there are, at their defaults', () => {
    const guide = documentText('docs/sending-on.md');
    const settings = new Map(listSettings().map(({ env, defaultText }) => [env, defaultText]));
    const rows = [...guide.matchAll(/^\| (`[^|]*) \| ?([^|]*)\|/gm)];
    expect(rows.length).toBeGreaterThan(3);
    for (const [, names, defaults] of rows) {
      const known = [...names!.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name!);
      for (const name of known) expect(settings.has(name)).toBe(true);
      const told = defaults!.split(', ').map((text) => text.replaceAll('`', '').trim());
      if (told[0] !== '') expect(known.map((name) => settings.get(name))).toEqual(told);
    }
  });
});
