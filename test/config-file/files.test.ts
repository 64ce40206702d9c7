// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what the files hold
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { listSettings, loadConfig } from '../../src/config.js';
import { keyOf } from '../../src/config-file/key.js';
import { configOf, read, write } from './fixture.js';

const KEYS = `
receivers:
  otlp:
    max_body_bytes: 32MiB
    protocols:
      grpc:
        endpoint: 0.0.0.0:14317
        max_concurrent_streams: 100
        keepalive: {server_parameters: {max_connection_age: 1h30m, time: 30s}}
      http:
        endpoint: 0.0.0.0:14318
        cors: {allowed_origins: [https://a.example, 'https://*.b.example'], max_age: 60}
        read_header_timeout: 500ms
api:
  port: 8080
  trusted_proxies: [10.0.0.0/8, loopback]
access: {api_auth: off}
buffer: {max_bytes: 2GiB, sync: interval}
limits: {otlp_spans_per_second: 1000}
registry: {s3_bucket: 0123}
process: {shutdown_deadline_ms: 5000}
`;

describe('a configuration file', () => {
  it('sets what the environment sets, under the snake_case names of the fields', () => {
    const config = configOf(KEYS);
    expect(config.api).toMatchObject({ port: 8080, trustedProxies: ['10.0.0.0/8', 'loopback'] });
    expect(config.access.apiAuth).toBe('off');
    expect(config.buffer).toMatchObject({ maxBytes: 2 ** 31, sync: 'interval', syncIntervalMs: 100 });
    expect(config.limits.otlpSpansPerSecond).toBe(1000);
    expect(config.registry.s3Bucket).toBe('0123');
    expect(config.process.shutdownDeadlineMs).toBe(5000);
  });

  it('sets the OTLP doors by the names that the Collector has', () => {
    expect(configOf(KEYS).receivers).toMatchObject({
      host: '0.0.0.0',
      grpcPort: 14317,
      httpPort: 14318,
      maxBodyBytes: 2 ** 25,
      grpcMaxConcurrentStreams: 100,
      maxConnectionAgeMs: 5_400_000,
      grpcKeepAliveIntervalMs: 30_000,
      corsOrigins: ['https://a.example', 'https://*.b.example'],
      corsMaxAgeSeconds: 60,
      headersTimeoutMs: 500,
    });
  });

  it('has a key for every setting but the variables that make an exporter, or choose for those', () => {
    const sections = new Map<string, string[]>();
    for (const { env, section, field, defaultText = '' } of listSettings()) {
      if (section === 'choosing') continue;
      if (/^(OTEL_EXPORTER_OTLP|TEMPO|JAEGER|DATADOG|DD|FILE_EXPORTER|S3_EXPORTER)_/.test(env)) continue;
      sections.set(section, [...(sections.get(section) ?? []), `${keyOf(field)}: "${defaultText}"`]);
    }
    const lines = [...sections].map(([section, fields]) => {
      const map = `{${fields.join(', ')}}`;
      return `${keyOf(section)}: ${section === 'receivers' ? `{otlp: ${map}}` : map}`;
    });
    expect(configOf(lines.join('\n'))).toEqual(configOf(''));
  });

  it('is not needed', () => {
    const { config } = read({});
    expect(config).toEqual(configOf(''));
    expect(config!.service).toEqual({ processors: [], exporters: [], pipelines: [] });
  });

  it('loses against the environment, and against .env', () => {
    write('.env', 'BUFFER_MAX_BYTES=3GiB\nPORT=1\n');
    const { api, buffer, receivers } = configOf(KEYS, { PORT: '9090', HOST: '::1', BUFFER_SYNC: '' });
    expect([api.port, buffer.maxBytes, buffer.sync]).toEqual([9090, 3 * 2 ** 30, 'interval']);
    expect([receivers.host, receivers.grpcPort]).toEqual(['::1', 14317]);
  });

  it('is overlaid by the next one: maps merge, lists are replaced', () => {
    const config = configOf({
      'base.yaml': KEYS,
      'site.yaml': 'api: {trusted_proxies: [192.168.0.1]}\nbuffer: {sync: always}\n',
    });
    expect(config.api).toMatchObject({ port: 8080, trustedProxies: ['192.168.0.1'] });
    expect(config.buffer).toMatchObject({ maxBytes: 2 ** 31, sync: 'always' });
  });

  it('takes variables of the environment and of .env', () => {
    write('.env', 'OUR_PORT=7777\n');
    const text = 'api: {port: "${OUR_PORT}"}\nstore: {data_dir: "${env:D:-/srv}/pm", sqlite_path: "${NONE}"}\n';
    const { config, warnings } = read(text, { D: '/mnt' });
    expect(config!.api.port).toBe(7777);
    expect(config!.store).toMatchObject({ dataDir: '/mnt/pm', sqlitePath: undefined });
    expect(warnings).toEqual(['gateway.yaml:2: the variable NONE is not set: taken as empty']);
  });
});

describe('faults of configuration files', () => {
  const faultsOf = (...input: Parameters<typeof read>) => {
    const { config, faults } = read(...input);
    expect(config).toBeUndefined();
    return faults;
  };

  it('are told all at once, each with its path, its line and the nearest known key', () => {
    const text = [
      'reciever: {}',
      'buffer:',
      '  maxBytes: 1GiB',
      '  sync: maybe',
      'receivers:',
      '  otlp:',
      '    protocols:',
      '      grcp: {}',
      '      http: {endpoint: 4318}',
      'api: {port: [1, 2], trusted_proxies: {a: 1}, corsorigins: x}',
    ].join('\n');
    expect([...faultsOf(text, { WORKERS: 'many' })].sort()).toEqual(
      [
        'reciever (gateway.yaml:1) is not a setting; did you mean receivers?',
        'buffer.maxBytes (gateway.yaml:3) is not a setting; did you mean max_bytes?',
        'buffer.sync="maybe" (gateway.yaml:4): expected one of: always, interval, off',
        'receivers.otlp.protocols.grcp (gateway.yaml:8) is not a setting; did you mean grpc?',
        'receivers.otlp.protocols.http.endpoint="4318" (gateway.yaml:9): expected host:port, such as 0.0.0.0:4317, or unix:/path/of.sock',
        'api.port="1,2" (gateway.yaml:10): expected a whole number from 0 to 65535',
        'api.trusted_proxies (gateway.yaml:10): expected a value, found a map',
        'api.corsorigins (gateway.yaml:10) is not a setting; did you mean cors_origins?',
        'WORKERS="many" (environment): expected a whole number from 1 to 64',
      ].sort(),
    );
  });

  it('name the file that has them, also behind another one', () => {
    const faults = faultsOf({ 'a.yaml': 'buffer:\n  sync: x\n', 'b.yaml': '\n\nbuffre: {}\n' });
    expect(faults.join('\n')).toContain('(a.yaml:2)');
    expect(faults.join('\n')).toContain('buffre (b.yaml:3)');
  });

  it('hide what is secret', () => {
    const faults = faultsOf('access:\n  api_key_salt: short\nstore: {database_url: "mysql://a:hunter2@h"}\n');
    expect(faults.join('\n')).toContain('access.api_key_salt=(hidden) (gateway.yaml:2)');
    expect(faults.join('\n')).not.toMatch(/short\b.*expected|hunter2/);
  });

  it.each([
    ['buffer: 5', 'buffer (gateway.yaml:1): expected a map, found a value'],
    ['receivers: [otlp]', 'receivers (gateway.yaml:1): expected a map, found a list'],
    ['receivers: {otlp: {protocols: 5}}', 'receivers.otlp.protocols (gateway.yaml:1): expected a map'],
    ['receivers: {jaeger: {}}', 'receivers.jaeger (gateway.yaml:1) is of no known type'],
    ['receivers: {otlp: , otlp/2: }', 'the gateway has one OTLP receiver'],
    ['connectors: {}', 'connectors (gateway.yaml:1) is not a setting; the gateway has no connectors'],
    ['processors: {batch: }', 'is not needed here'],
    ['api: {trusted_proxies: ["10.0.0.1,10.0.0.2"]}', 'expected a list of words without commas'],
    ['receivers: {otlp: {protocols: {http: {idle_timeout: 5}}}}', 'expected a duration such as'],
  ])('%s', (text, expected) => expect(faultsOf(text).join('\n')).toContain(expected));

  it('tell of a file that is not there', () => {
    const load = () => loadConfig({ env: {}, directory: '/nowhere', files: ['gone.yaml'] });
    expect(load).toThrow("gone.yaml can't be read: ENOENT");
  });

  it('the doors have one address: two are a fault with both lines', () => {
    const text =
      'receivers:\n  otlp/in:\n    protocols:\n      grpc: {endpoint: "a:1"}\n      http: {endpoint: "b:2"}\n';
    expect(faultsOf(text)).toEqual([
      'receivers.otlp/in.protocols.http.endpoint (gateway.yaml:5) says b, and ' +
        'receivers.otlp/in.protocols.grpc.endpoint (gateway.yaml:4) a: every OTLP door has the same',
    ]);
  });
});

describe('endpoints', () => {
  const receivers = (endpoint: string) =>
    configOf(`receivers: {otlp: {protocols: {grpc: {endpoint: "${endpoint}"}, http: {}}}}`).receivers;

  it.each([
    ['localhost:4317', { host: 'localhost', grpcPort: 4317 }],
    ['[::1]:1', { host: '::1', grpcPort: 1 }],
    [':4317', { host: '0.0.0.0', grpcPort: 4317 }],
    ['unix:///run/otlp.sock', { host: '127.0.0.1', grpcSocketPath: '/run/otlp.sock' }],
  ])('%s', (endpoint, expected) => expect(receivers(endpoint)).toMatchObject(expected));

  it('one that opens the other door as well is told', () => {
    const { warnings } = read('receivers: {otlp: {protocols: {grpc: {endpoint: "0.0.0.0:4317"}}}}');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('protocols.http as well');
    expect(read('receivers: {otlp: {protocols: {grpc: , http: }}}').warnings).toEqual([]);
  });
});

describe('print-config', () => {
  const text = `${KEYS}store: {database_url: "postgres://me:hunter2@db/x", data_dir: 'a$$b'}\n`;
  const PIPELINE = 'service: {pipelines: {traces/all: {receivers: [otlp], exporters: [store]}}}\n';

  it('names where each value came from', () => {
    write('.env', 'BUFFER_SYNC=always\n');
    const printed = read(text + PIPELINE, { PORT: '1' }).print();
    for (const line of [
      'port: 1 # environment',
      'sync: always # .env:1',
      'max_bytes: 2GiB # gateway.yaml:18',
      'grpc_port: 14317 # gateway.yaml:7',
      'level: info # default',
      'sqlite_path: null # not set',
      'receivers: [ otlp ] # gateway.yaml:23',
    ]) {
      expect(printed).toContain(`${line}\n`);
    }
  });

  it('hides what is secret', () => {
    const printed = read(text).print();
    expect(printed).toContain('database_url: "[REDACTED]" # gateway.yaml:22');
    expect(printed).not.toContain('hunter2');
  });

  it.each(['http://me:hunter2@b:4318', 'me:hunter2@b:4317', 'hunter2@b:4317'])(
    'hides the password in %s',
    (endpoint) => {
      const file = `exporters: {otlp: {endpoint: "${endpoint}"}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}`;
      const printed = read(file, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint, DATA_DIR: 'a@b' }).print();
      expect(printed).not.toContain('hunter2');
      expect(printed.match(/\[REDACTED\]@b:43/g)).toHaveLength(2);
      expect(printed).toContain('a@b');
    },
  );

  it('is a configuration that says the same', () => {
    const printed = read(KEYS + PIPELINE, { DATA_DIR: 'a$b', PROMPTS_DIR: '${X}' }).print();
    expect(configOf(printed)).toEqual(configOf(KEYS + PIPELINE, { DATA_DIR: 'a$b', PROMPTS_DIR: '${X}' }));
    expect(parse(printed).access.api_key_salt).toBeNull();
  });
});
