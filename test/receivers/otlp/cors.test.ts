import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import { createErrAppender } from '../../helpers/appenders.js';
import { JSON_TYPE, openHttp, send } from './doors.js';
import { tracesJson } from './payloads.js';

const ORIGIN = 'https://app.example.com';
const PREFLIGHT = { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' };
const preflight = (headers: Record<string, string> = PREFLIGHT) => ({ method: 'OPTIONS', headers });
const forbidding = () => {
  throw new GatewayError('UNAUTHORIZED', 'no key');
};

describe('without origins', () => {
  test('a preflight is a method that is not allowed, and answers carry no CORS header', async () => {
    const { port } = await openHttp();
    expect(await send(port, preflight())).toMatchObject({ status: 405 });
    const answer = await send(port, { headers: { ...JSON_TYPE, Origin: ORIGIN }, body: '{}' });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect(answer.headers.vary).toBeUndefined();
  });
});

describe('with origins', () => {
  const config = {
    corsOrigins: ['https://*.example.com', 'http://localhost:8080'],
    corsHeaders: ['X-Team'],
    corsMaxAgeSeconds: 60,
  };

  test('a preflight is answered before authentication, with what a page may send', async () => {
    const { port, events } = await openHttp({ config, authenticate: forbidding });
    const answer = await send(port, preflight());
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Content-Type, Content-Encoding, X-Requested-With, X-Team',
      'access-control-max-age': '60',
      vary: 'Origin',
    });
    expect(events.requests).toEqual([]);
  });

  test.each(['https://app.example.com', 'https://a.b.example.com', 'HTTPS://APP.EXAMPLE.COM', 'http://localhost:8080'])(
    '%s may read the answer',
    async (origin) => {
      const { port } = await openHttp({ config });
      const answer = await send(port, { headers: { ...JSON_TYPE, Origin: origin }, body: tracesJson() });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
    },
  );

  test.each([
    'https://example.com',
    'http://app.example.com',
    'https://app.example.com.evil.org',
    'https://evil.org/.example.com',
    'https://appxexample.com',
    'http://localhost:80801',
    'null',
  ])('%s may not', async (origin) => {
    const { port } = await openHttp({ config });
    for (const sent of [
      preflight({ ...PREFLIGHT, Origin: origin }),
      { headers: { ...JSON_TYPE, Origin: origin }, body: '{}' },
    ]) {
      const { headers } = await send(port, sent);
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers['access-control-allow-methods']).toBeUndefined();
      expect(headers.vary).toBe('Origin');
    }
  });

  test('a page can read errors too, and when to come again', async () => {
    const { port } = await openHttp({ config, next: createErrAppender(new GatewayError('BUFFER_FULL', 'full')) });
    const answer = await send(port, { headers: { ...JSON_TYPE, Origin: ORIGIN }, body: tracesJson() });
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-expose-headers': 'Retry-After, x-batch-id',
      'retry-after': '1',
    });
  });

  test('an OPTIONS that is no preflight is a method that is not allowed', async () => {
    const { port } = await openHttp({ config });
    expect(await send(port, { method: 'OPTIONS', headers: { Origin: ORIGIN } })).toMatchObject({ status: 405 });
  });
});

test('a bare * is for anybody, and goes without credentials', async () => {
  const { port } = await openHttp({ config: { corsOrigins: ['*'] } });
  const answer = await send(port, preflight());
  expect(answer.headers['access-control-allow-origin']).toBe('*');
  expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
});
