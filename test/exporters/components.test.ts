import { describe, expect, it } from 'vitest';
import { otlpBackends } from '../../exporters/otlp/components.js';
import { configOf, read } from '../config-file/fixture.js';

const pipelines = (traces: string, logs = 'store') => `
receivers: {otlp: }
service:
  pipelines:
    traces/a: {receivers: [otlp], exporters: [${traces}]}
    traces/b: {receivers: [otlp], exporters: [${traces}]}
    logs: {receivers: [otlp], exporters: [${logs}]}
`;

function backends(yaml: string, env: Record<string, string> = {}) {
  const made = otlpBackends(configOf(yaml, env));
  return Object.fromEntries(made.map((backend) => [backend.name, backend]));
}

const FULL = `
exporters:
  otlp_http/archive.1:
    endpoint: https://a.example:4318/base/
    logs_endpoint: https://l.example/in
    headers: {Authorization: Bearer x, X-Scope: 007}
    timeout: 1m30s
    tls: {ca_file: ca.pem, cert_file: c.pem, key_file: k.pem}
    retry_on_failure: {initial_interval: 1s, max_interval: 10s, max_elapsed_time: 0}
    sending_queue: {num_consumers: 3}
    start_at: now
  otlp_grpc: {endpoint: "b:4317", tls: {insecure: true}, compression: none}
  otlp_grpc/secure: {endpoint: "b:4317"}
  tempo: {endpoint: "t:4317", tenant: "{workspace}"}
  jaeger: {endpoint: "http://j:4318", max_request_bytes: 1MiB}
  otlphttp/old: {endpoint: "http://o:4318"}
${pipelines('store, otlp_http/archive.1, otlp_grpc, tempo, jaeger', 'store, otlp_http/archive.1, otlp_grpc/secure')}`;

describe('exporters of a configuration file', () => {
  it('go where their pipelines lead, spelled as in the Collector', () => {
    const { otlp_http_archive_1: archive, otlp_grpc: grpc, otlp_grpc_secure: secure } = backends(FULL);
    expect(archive!.destinations.traces).toMatchObject({
      protocol: 'http/protobuf',
      url: new URL('https://a.example:4318/base/v1/traces'),
      headers: { authorization: 'Bearer x', 'x-scope': '007' },
      // The Collector compresses unless it is told not to.
      compression: 'gzip',
      timeoutMs: 90_000,
      tls: { certificate: 'ca.pem', clientCertificate: 'c.pem', clientKey: 'k.pem' },
    });
    expect(archive!.destinations.logs!.url.href).toBe('https://l.example/in');
    expect(grpc!.destinations).toEqual({
      traces: expect.objectContaining({ protocol: 'grpc', url: new URL('http://b:4317'), compression: 'none' }),
    });
    expect(secure!.destinations.logs!.url.href).toBe('https://b:4317/');
  });

  it('have queues of their own, where they differ from what holds for all', () => {
    const { otlp_http_archive_1: archive, jaeger, tempo } = backends(FULL);
    expect(archive!.queue).toEqual({
      startAt: 'now',
      maxInFlight: 3,
      retryInitialMs: 1000,
      retryMaxMs: 10_000,
      retryMaxElapsedMs: 0,
    });
    expect(jaeger!.queue).toEqual({ maxRequestBytes: 2 ** 20 });
    expect(tempo!.queue).toEqual({});
  });

  it('Tempo and Jaeger take traces alone, by the protocol of their port', () => {
    const { tempo, jaeger } = backends(FULL);
    expect(tempo!.destinations.traces).toMatchObject({ protocol: 'grpc', headers: { 'x-scope-orgid': '{workspace}' } });
    expect(tempo!.advice).toContain('2048');
    expect(jaeger!.destinations.traces).toMatchObject({ protocol: 'http/protobuf' });
    const wrong = `exporters: {jaeger: {endpoint: "j:4317"}}\n${pipelines('store', 'store, jaeger')}`;
    expect(() => backends(wrong)).toThrow('exporters.jaeger takes traces alone');
  });

  it('one that no pipeline leads to is not made, and told', () => {
    expect(Object.keys(backends(FULL))).not.toContain('otlphttp_old');
    expect(read(FULL).warnings).toEqual([
      expect.stringContaining('exporters.otlphttp/old (gateway.yaml:16) is defined'),
    ]);
  });

  it('variables win over a file’s exporter of that name, which is told', () => {
    const { tempo } = backends(FULL, { TEMPO_ENDPOINT: 'http://other:4318' });
    expect(tempo!.destinations.traces!.url.href).toBe('http://other:4318/v1/traces');
    expect(tempo!.advice).toContain('does not count');
  });

  it('two that would have one name are refused', () => {
    const yaml = `exporters: {otlp_http/a.b: {endpoint: "http://x"}, otlp_http/a-b: {endpoint: "http://y"}}\n${pipelines('store, otlp_http/a.b, otlp_http/a-b')}`;
    expect(() => backends(yaml)).toThrow('otlp_http_a_b');
  });

  it.each([
    ['otlp_http: {}', 'exporters.otlp_http (gateway.yaml:1): expected an endpoint, or traces_endpoint'],
    ['otlp_http: {endpoint: "x:4318"}', 'exporters.otlp_http.endpoint="x:4318" (gateway.yaml:1): expected http://'],
    ['otlp_http: {endpoint: "http://x", timeout: 5}', 'otlp_http.timeout="5" (gateway.yaml:1): expected a duration'],
    ['otlp_http: {endpoint: "http://x", compression: zstd}', 'expected one of: gzip, none'],
    ['otlp_http: {endpoint: "http://x", headers: {"a b": c}}', 'expected the name of a header'],
    [
      'otlp_http: {endpoint: "http://x", sending_queue: {queue_size: 1}}',
      'sending_queue.queue_size (gateway.yaml:1) is not a setting',
    ],
    ['otlp_grpc: {}', 'exporters.otlp_grpc.endpoint (gateway.yaml:1) is missing'],
    [
      'otlp_grpc: {endpoint: "x:1", tls: {insecur: true}}',
      'tls.insecur (gateway.yaml:1) is not a setting; did you mean insecure?',
    ],
    [
      'otlp_grpc: {endpoint: "x:1", start_at: never}',
      'start_at="never" (gateway.yaml:1): expected one of: oldest, now',
    ],
    ['tempo: {endpoint: "t:9"}', 'tempo.endpoint="t:9" (gateway.yaml:1): expected http:// or https:// before it'],
    ['otlp_htp: {endpoint: "http://x"}', 'is of no known type; did you mean otlp_http?'],
  ])('%s is refused', (yaml, expected) => {
    expect(read(`exporters: {${yaml}}`).faults.join('\n')).toContain(expected);
  });

  it('a header is never shown', () => {
    const secret = 'exporters: {otlp_http: {endpoint: "http://x", headers: {a: hunter2, b: "hunter2\\u0001"}}}';
    expect(read(secret).faults).toHaveLength(1);
    expect(read(secret).faults.join()).not.toContain('hunter2');
    expect(read(FULL).print()).not.toContain('Bearer x');
  });
});
