import { describe, expect, it } from 'vitest';
import { mapSpan, SPAN_ID, type SpanInput, TRACE_ID } from './requests.js';

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;

describe('a span', () => {
  it('is another span for the Agent, in any of its fields', () => {
    const span = mapSpan(
      {
        parentSpanId: '00000000000000ff',
        traceState: 'dd=s:1',
        name: 'GET /users',
        kind: SERVER,
        attributes: { 'http.request.method': 'GET', 'http.route': '/users/:id', retries: 3n, ratio: 0.5, beta: true },
      },
      {
        resource: {
          'service.name': 'Shop',
          'service.version': '1.2.0',
          'deployment.environment.name': 'Prod',
          host: 'a',
        },
        scope: { name: 'http', version: '0.5' },
      },
    );
    expect(span).toEqual({
      trace_id: 0xd269b633813fc60cn,
      span_id: 0xeee19b7ec3c1b174n,
      parent_id: 255n,
      name: 'http.server.request',
      resource: 'GET /users/:id',
      service: 'shop',
      type: 'web',
      start: 1_700_000_000_000_000_001n,
      duration: 250n,
      error: 0n,
      meta: {
        '_dd.p.tid': '5b8efff798038103',
        'otel.trace_id': TRACE_ID,
        'w3c.tracestate': 'dd=s:1',
        'span.kind': 'server',
        'http.method': 'GET',
        'http.route': '/users/:id',
        beta: 'true',
        env: 'prod',
        version: '1.2.0',
        host: 'a',
        'service.version': '1.2.0',
        'deployment.environment.name': 'Prod',
        'otel.scope.name': 'http',
        'otel.scope.version': '0.5',
        'otel.library.name': 'http',
        'otel.library.version': '0.5',
        'otel.status_code': 'Unset',
      },
      metrics: { retries: 3, ratio: 0.5, _sampling_priority_v1: 1 },
    });
  });

  it('loses bits of ids and times that are beyond 53 bits', () => {
    const span = mapSpan({
      traceId: 'ffffffffffffffffffffffffffffffff',
      spanId: 'fffffffffffffffe',
      parentSpanId: '8000000000000001',
      start: 2n ** 63n - 2n,
      end: 2n ** 63n - 1n,
    });
    expect(span).toMatchObject({
      trace_id: 2n ** 64n - 1n,
      span_id: 2n ** 64n - 2n,
      parent_id: 2n ** 63n + 1n,
      start: 2n ** 63n - 2n,
      duration: 1n,
    });
  });

  it('that is a root has a parent', () => {
    expect(mapSpan({}).parent_id).toBe(0n);
  });

  it('names the high half of a trace id that has none', () => {
    const { meta } = mapSpan({ traceId: '00000000000000000000000000000007' });
    expect(meta['_dd.p.tid']).toBeUndefined();
    expect(meta['otel.trace_id']).toBe('00000000000000000000000000000007');
  });

  it('that ends before it starts has another duration than the Agent would find', () => {
    expect(mapSpan({ start: 10n, end: 7n }).duration).toBe(-3n);
  });
});

describe('service, env and version', () => {
  const cases: [string, SpanInput['attributes'], Record<string, string>, object][] = [
    ['no service', {}, {}, { service: 'otlpresourcenoservicename' }],
    ['the service of the resource', {}, { 'service.name': 'a' }, { service: 'a' }],
    ['the service of the span first', { 'service.name': 'b' }, { 'service.name': 'a' }, { service: 'b' }],
    ['a service as a tag', {}, { 'service.name': 'My Shop (EU)' }, { service: 'my_shop_eu' }],
    ['a service of nothing that a tag may hold', {}, { 'service.name': '!!' }, { service: 'unnamed-service' }],
    ['the environment', {}, { 'deployment.environment': 'x' }, { meta: { env: 'x' } }],
    [
      'the newer environment first',
      {},
      { 'deployment.environment': 'x', 'deployment.environment.name': 'y' },
      { meta: { env: 'y' } },
    ],
    ['an env attribute first', { env: 'z' }, { 'deployment.environment': 'x' }, { meta: { env: 'z' } }],
    ['the version', {}, { 'service.version': '2' }, { meta: { version: '2' } }],
  ];
  it.each(cases)('%s is not found', (_, attributes, resource, expected) => {
    expect(mapSpan({ attributes: attributes! }, { resource })).toMatchObject(expected);
  });
});

describe('type', () => {
  const cases: [string, number, Record<string, string>][] = [
    ['web', SERVER, {}],
    ['http', CLIENT, {}],
    ['db', CLIENT, { 'db.system': 'postgresql' }],
    ['db', CLIENT, { 'db.system.name': 'mysql' }],
    ['cache', CLIENT, { 'db.system': 'Redis' }],
    ['cache', CLIENT, { 'db.system': 'memcached' }],
    ['custom', INTERNAL, {}],
    ['custom', 0, {}],
    ['custom', PRODUCER, {}],
    ['worker', SERVER, { 'span.type': 'worker' }],
    ['llm', CLIENT, { 'gen_ai.operation.name': 'chat' }],
    ['llm', INTERNAL, { 'gen_ai.anything': 'x', 'span.type': 'worker' }],
  ];
  it.each(cases)('is not %s for kind %i with %j', (type, kind, attributes) => {
    expect(mapSpan({ kind, attributes }).type).toBe(type);
  });
});

describe('operation name', () => {
  const cases: [string, number, Record<string, string>][] = [
    ['my.op', SERVER, { 'operation.name': 'My.Op', 'http.method': 'GET' }],
    ['http.server.request', SERVER, { 'http.method': 'GET' }],
    ['http.client.request', CLIENT, { 'http.request.method': 'GET' }],
    ['Internal', INTERNAL, { 'http.request.method': 'GET' }],
    ['postgresql.query', CLIENT, { 'db.system': 'PostgreSQL' }],
    ['server.request', SERVER, { 'db.system': 'postgresql' }],
    ['kafka.receive', CONSUMER, { 'messaging.system': 'kafka', 'messaging.operation': 'receive' }],
    ['kafka.publish', CLIENT, { 'messaging.system': 'kafka', 'messaging.operation': 'publish' }],
    ['Internal', INTERNAL, { 'messaging.system': 'kafka', 'messaging.operation': 'receive' }],
    ['aws.s3.request', CLIENT, { 'rpc.system': 'aws-api', 'rpc.service': 'S3' }],
    ['aws.client.request', CLIENT, { 'rpc.system': 'aws-api' }],
    ['aws-api.server.request', SERVER, { 'rpc.system': 'aws-api' }],
    ['grpc.client.request', CLIENT, { 'rpc.system': 'grpc' }],
    ['grpc.server.request', SERVER, { 'rpc.system': 'grpc' }],
    ['aws.resize.invoke', CLIENT, { 'faas.invoked_provider': 'aws', 'faas.invoked_name': 'resize' }],
    ['pubsub.invoke', SERVER, { 'faas.trigger': 'pubsub' }],
    ['graphql.server.request', INTERNAL, { 'graphql.operation.type': 'query' }],
    ['amqp.server.request', SERVER, { 'network.protocol.name': 'amqp' }],
    ['amqp.client.request', CLIENT, { 'network.protocol.name': 'amqp' }],
    ['server.request', SERVER, {}],
    ['client.request', CLIENT, {}],
    ['Producer', PRODUCER, {}],
    ['Consumer', CONSUMER, {}],
    ['Internal', INTERNAL, {}],
    ['Internal', 0, {}],
  ];
  it.each(cases)('is not %s for kind %i with %j', (name, kind, attributes) => {
    expect(mapSpan({ kind, attributes }).name).toBe(name);
  });
});

describe('resource name', () => {
  const cases: [string, number, Record<string, string>][] = [
    ['mine', SERVER, { 'resource.name': 'mine', 'http.method': 'GET' }],
    ['GET /a', SERVER, { 'http.request.method': 'GET', 'http.route': '/a' }],
    ['POST', SERVER, { 'http.method': 'POST' }],
    ['HTTP', SERVER, { 'http.request.method': '_OTHER' }],
    ['GET', CLIENT, { 'http.request.method': 'GET', 'http.route': '/a' }],
    ['GET /u/{id}', CLIENT, { 'http.request.method': 'GET', 'url.template': '/u/{id}' }],
    ['receive jobs', CONSUMER, { 'messaging.operation': 'receive', 'messaging.destination.name': 'jobs' }],
    ['receive', CONSUMER, { 'messaging.operation': 'receive' }],
    ['Get Users', CLIENT, { 'rpc.method': 'Get', 'rpc.service': 'Users' }],
    ['query me', SERVER, { 'graphql.operation.type': 'query', 'graphql.operation.name': 'me' }],
    ['SELECT 1', CLIENT, { 'db.system': 'postgresql', 'db.query.text': 'SELECT 1' }],
    ['SELECT 2', CLIENT, { 'db.system': 'postgresql', 'db.statement': 'SELECT 2', 'db.query.text': 'SELECT 1' }],
    ['work', CLIENT, { 'db.system': 'postgresql' }],
    ['work', CLIENT, { 'db.query.text': 'SELECT 1' }],
    ['work', INTERNAL, {}],
  ];
  it.each(cases)('is not %s for kind %i with %j', (resource, kind, attributes) => {
    expect(mapSpan({ kind, attributes }).resource).toBe(resource);
  });
});

describe('attributes', () => {
  it('of a kind become text where numbers belong, or the other way round', () => {
    const { meta, metrics } = mapSpan({
      attributes: {
        text: 'a',
        no: false,
        int: 42n,
        large: 2n ** 62n,
        double: 1,
        none: null,
        bytes: Buffer.from([1, 2]),
        list: ['a', 1n, 2 ** 60, null, Buffer.from([3])],
        map: { $int: 'x', n: -(2n ** 62n), deep: { on: true } },
        nan: Number.NaN,
      },
    });
    expect(metrics).toMatchObject({ int: 42, large: 2 ** 62, double: 1, nan: Number.NaN });
    expect(meta).toMatchObject({
      text: 'a',
      no: 'false',
      none: '',
      bytes: 'AQI=',
      list: '["a",1,1152921504606847000,null,"Aw=="]',
      map: '{"$int":"x","n":-4611686018427387904,"deep":{"on":true}}',
    });
    expect(Object.keys(metrics)).not.toContain('text');
  });

  it('of the resource win over those of the span, whatever their kinds', () => {
    const { meta, metrics } = mapSpan(
      { attributes: { a: 'span', n: 1n, s: 'span' } },
      { resource: { a: 'resource', n: 2n, s: 3n, r: 4n }, scope: { attributes: { a: 'scope', c: 'scope' } } },
    );
    expect(meta).toMatchObject({ a: 'span', s: 'span', r: '4', c: 'scope' });
    expect(metrics.n).toBe(1);
    expect(meta.n).toBeUndefined();
  });

  const renamed: [string, string][] = [
    ['client.address', 'http.client_ip'],
    ['http.request.method', 'http.method'],
    ['http.request.header.referrer', 'http.referrer'],
    ['http.request.header.x-a', 'http.request.headers.x-a'],
    ['network.protocol.version', 'http.version'],
    ['server.address', 'http.server_name'],
    ['url.full', 'http.url'],
    ['user_agent.original', 'http.useragent'],
    ['http.route', 'http.route'],
  ];
  it.each(renamed)('%s is not %s', (key, name) => {
    const { meta } = mapSpan({ attributes: { [key]: 'v' } });
    expect(meta[name]).toBe('v');
    if (key !== name) expect(meta[key]).toBeUndefined();
  });

  it('of sizes are no metrics under Datadog’s names', () => {
    const attributes = { 'http.response.body.size': 7n, 'http.request.body.size': 8n };
    expect(mapSpan({ attributes }).metrics).toMatchObject({
      'http.response.content_length': 7,
      'http.request.content_length': 8,
    });
  });

  it('that are fields of a Datadog span become tags, too', () => {
    const attributes = { 'service.name': 'a', 'operation.name': 'b', 'resource.name': 'c', 'span.type': 'd' };
    const { meta, ...span } = mapSpan({ attributes });
    expect(span).toMatchObject({ service: 'a', name: 'b', resource: 'c', type: 'd' });
    expect(Object.keys(meta).filter((key) => key in attributes)).toEqual([]);
  });

  it.each([
    [true, 1],
    [false, 0],
    ['1', 1],
    ['False', 0],
  ])('analytics.event %s is not the rate %i', (value, rate) => {
    const { meta, metrics } = mapSpan({ attributes: { 'analytics.event': value } });
    expect(metrics['_dd1.sr.eausr']).toBe(rate);
    expect(meta['analytics.event']).toBeUndefined();
  });

  it('sampling.priority is not the priority of the trace', () => {
    expect(mapSpan({ attributes: { 'sampling.priority': -1n } }).metrics._sampling_priority_v1).toBe(-1);
    const text = mapSpan({ attributes: { 'sampling.priority': 'high' } });
    expect(text.meta['sampling.priority']).toBe('high');
    expect(text.metrics._sampling_priority_v1).toBe(1);
  });

  it.each([
    [{ 'http.status_code': 404n }, 404],
    [{ 'http.response.status_code': 404n }, 404],
    [{ 'http.status_code': '404' }, 404],
    [{ 'http.response.status_code': 404n, 'http.status_code': 200n }, 200],
  ])('the status code of %o is not %i', (attributes, code) => {
    expect(mapSpan({ attributes }).metrics['http.status_code']).toBe(code);
  });

  it('of gRPC and of a database’s namespace are not where Datadog looks for them', () => {
    const { meta } = mapSpan({ attributes: { 'rpc.grpc.status_code': 14n, 'db.namespace': 'shop' } });
    expect(meta['rpc.grpc.status_code']).toBe('14');
    expect(meta['db.name']).toBe('shop');
  });
});

describe('errors', () => {
  const exception = (attributes: Record<string, string>) => ({ name: 'exception', timeUnixNano: 5n, attributes });
  const ERROR = 2;

  it('a status that is no error is one', () => {
    expect(mapSpan({ status: { code: 1 } })).toMatchObject({ error: 0n, meta: { 'otel.status_code': 'Ok' } });
    const handled = mapSpan({ events: [exception({ 'exception.type': 'T' })] });
    expect(handled.error).toBe(0n);
    expect(handled.meta['error.type']).toBeUndefined();
    expect(handled.meta['_dd.span_events.has_exception']).toBe('true');
  });

  it('type and stack are not those of the exception that ended the span', () => {
    const events = [
      exception({ 'exception.type': 'First' }),
      exception({ 'exception.type': 'Last', 'exception.message': 'm', 'exception.stacktrace': 'at x' }),
    ];
    const { error, meta } = mapSpan({ status: { code: ERROR, message: 'it failed' }, events });
    expect(error).toBe(1n);
    expect(meta).toMatchObject({
      'error.msg': 'it failed',
      'error.type': 'Last',
      'error.stack': 'at x',
      'otel.status_code': 'Error',
      'otel.status_description': 'it failed',
    });
  });

  it.each([
    [{ events: [exception({ 'exception.message': 'm' })] }, 'm'],
    [{ attributes: { 'http.response.status_code': 503n } }, '503 Service Unavailable'],
    [{ attributes: { 'http.response.status_code': 799n } }, '799'],
    [{ attributes: { 'error.msg': 'own' }, events: [exception({ 'exception.message': 'm' })] }, 'own'],
    [{}, undefined],
  ])('the message of %o is not %s', (span, message) => {
    expect(mapSpan({ ...span, status: { code: ERROR } }).meta['error.msg']).toBe(message);
  });
});

describe('events and links', () => {
  it('are other JSON than Datadog reads', () => {
    const { meta } = mapSpan({
      events: [
        {
          timeUnixNano: 1_700_000_000_123_456_789n,
          name: 'say "hi"',
          attributes: { s: 'a\nb', n: 2n ** 60n, d: 1.5, b: true, l: ['x', 1n], m: { k: null } },
          dropped: 2,
        },
        {},
      ],
      links: [
        { traceState: 'a=b', attributes: { reason: 'retry "1"', n: 1n }, dropped: 1 },
        { traceId: TRACE_ID, spanId: SPAN_ID },
      ],
    });
    expect(meta.events).toBe(
      '[{"time_unix_nano":1700000000123456789,"name":"say \\"hi\\"","attributes":{"s":"a\\nb","n":1152921504606846976,' +
        '"d":1.5,"b":true,"l":["x",1],"m":{"k":null}},"dropped_attributes_count":2},{}]',
    );
    expect(meta['_dd.span_links']).toBe(
      `[{"trace_id":"${TRACE_ID}","span_id":"${SPAN_ID}","tracestate":"a=b","attributes":{"reason":"retry \\"1\\"","n":"1"},` +
        `"dropped_attributes_count":1},{"trace_id":"${TRACE_ID}","span_id":"${SPAN_ID}"}]`,
    );
  });
});
