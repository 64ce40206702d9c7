import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { etagOf, matches } from '../../src/api/etag.js';
import { testApp } from '../helpers/api.js';
import { recordSource } from '../helpers/records.js';

let app: FastifyInstance;
let context: Awaited<ReturnType<typeof testApp>>;

beforeAll(async () => {
  context = await testApp();
  app = context.app;
});
afterAll(() => app.close());

describe('an unchanged answer', () => {
  it('is not sent again', async () => {
    const first = await app.inject('/v1/traces');
    const etag = String(first.headers.etag);
    expect(etag).toMatch(/^W\/"/);
    const again = await app.inject({ url: '/v1/traces', headers: { 'if-none-match': `"x", ${etag}` } });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe('');
    expect(again.headers.etag).toBe(etag);
    expect(again.headers['content-type']).toBeUndefined();
  });

  it('is sent once it has changed', async () => {
    const { etag } = (await app.inject('/v1/traces')).headers;
    context.telemetry.addSpans('default', [recordSource(3).span()]);
    const changed = await app.inject({ url: '/v1/traces', headers: { 'if-none-match': String(etag) } });
    expect(changed.statusCode).toBe(200);
    expect(changed.json().total).toBe(1);
  });

  it('carries no tag when it is an error', async () => {
    expect((await app.inject('/nope')).headers.etag).toBeUndefined();
  });
});

describe('If-None-Match', () => {
  it.each([
    [undefined, false],
    ['*', true],
    [etagOf('a'), true],
    [etagOf('a').replace('W/', ''), true],
    [etagOf('b'), false],
    ['garbage', false],
  ])('%s against the tag of "a": %s', (header, expected) => {
    expect(matches(header, etagOf('a'))).toBe(expected);
  });
});
