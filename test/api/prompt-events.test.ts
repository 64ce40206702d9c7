/** Over real sockets: streams of events, and answers that wait. */
import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { promptEventSchema } from '../../src/api/prompts/events-schema.js';
import type { RateLimit } from '../../src/api/rate-limit.js';
import { GatewayError } from '../../src/errors.js';
import { IN_DATABASE, type RegistryFixture, type RegistryFixtureOptions, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

interface SeenEvent {
  event: string;
  id: string;
  data: ReturnType<typeof promptEventSchema.parse>;
}

interface OpenStream {
  events: SeenEvent[];
  comments: string[];
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** Resolves when the other end has ended it. */
  ended: Promise<void>;
  close(): void;
}

function readEvent(block: string, stream: OpenStream): void {
  const fields: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const [, name, value] = /^([^:]*): ?(.*)$/.exec(line)!;
    if (name === '') stream.comments.push(value!);
    else fields[name!] = value!;
  }
  if (fields.data === undefined) return;
  const data = promptEventSchema.parse(JSON.parse(fields.data));
  stream.events.push({ event: fields.event!, id: fields.id!, data });
}

async function openStream(url: string, headers: Record<string, string>): Promise<OpenStream> {
  const request = get(url, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const stream: OpenStream = {
    events: [],
    comments: [],
    body: '',
    status: response.statusCode!,
    headers: response.headers,
    ended: Promise.resolve(),
    close: () => void request.destroy(),
  };
  const read = async () => {
    let rest = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      stream.body += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) readEvent(block, stream);
    }
  };
  stream.ended = read().catch(() => {});
  if (stream.status !== 200) await stream.ended;
  return stream;
}

const PATIENCE = { timeout: 20_000, interval: 10 };

onEachDatabase((open) => {
  let fixture: RegistryFixture;
  let context: AccessApp;
  let base: string;
  let headers: Record<string, string>;
  let acme: ReturnType<AccessApp['as']>;
  const streams: OpenStream[] = [];
  let charged = 0;

  const start = async (watching: NonNullable<RegistryFixtureOptions['watching']> = {}) => {
    charged = 0;
    const limit: RateLimit = {
      charge() {
        charged++;
        return { allowed: true, limit: 100, remaining: 1, resetAfterMs: 1, retryAfterMs: 0 };
      },
    };
    context = await open(async ({ control }) => {
      fixture = await startRegistry(control, { ...IN_DATABASE, watching });
      return { registry: fixture.registry, limit };
    });
    base = await context.app.listen({ port: 0, host: '127.0.0.1' });
    const { key } = await context.access.mint('acme', 'read,write,admin');
    headers = { 'x-api-key': key, 'x-workspace-id': 'acme' };
    acme = context.as(key, 'acme');
    for (const version of ['1.0.0', '2.0.0']) {
      const body = { name: 'welcome', version, messages: [{ role: 'user', content: version }] };
      expect((await acme('POST', '/v1/prompts', body)).statusCode).toBe(201);
    }
    await move('1.0.0');
  };
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await fixture.close();
  });

  const move = (version_tag: string) => acme('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag });
  const watch = async (query = '?label=production', more: Record<string, string> = {}) => {
    const stream = await openStream(`${base}/v1/prompts/welcome/events${query}`, { ...headers, ...more });
    streams.push(stream);
    return stream;
  };
  const versionsOf = (stream: OpenStream) => stream.events.map(({ data }) => data.version);

  describe('GET /v1/prompts/:name/events', () => {
    it('tells what the label stands for, at once and whenever it is moved, with the tag of that answer', async () => {
      await start();
      const stream = await watch();
      expect(stream.headers['content-type']).toBe('text/event-stream');
      expect(stream.headers['cache-control']).toBe('no-store');
      await expect.poll(() => versionsOf(stream), PATIENCE).toEqual(['1.0.0']);
      await move('2.0.0');
      await expect.poll(() => versionsOf(stream), PATIENCE).toEqual(['1.0.0', '2.0.0']);
      const [, { event, data }] = stream.events as [SeenEvent, SeenEvent];
      const answer = await acme('GET', '/v1/prompts/welcome?label=production');
      expect(event).toBe('resolved');
      expect(data).toMatchObject({ name: 'welcome', label: 'production', etag: answer.headers.etag });
      const { items } = (await acme('GET', '/v1/prompts/welcome/versions')).json();
      expect(data.id).toBe(items.find((item: { version_tag: string }) => item.version_tag === '2.0.0').id);
    });

    it('tells nothing of what changes elsewhere', async () => {
      await start({ heartbeatMs: 100 });
      const stream = await watch();
      await acme('POST', '/v1/prompts/welcome/labels', { name: 'staging', version_tag: '2.0.0' });
      await acme('POST', '/v1/prompts', { name: 'b', version: '1.0.0', messages: [{ role: 'user', content: 'x' }] });
      await move('1.0.0');
      await expect.poll(() => stream.comments.length, PATIENCE).toBeGreaterThan(3);
      expect(versionsOf(stream)).toEqual(['1.0.0']);
    });

    it('without a label tells of the highest release', async () => {
      await start();
      const stream = await watch('');
      await expect.poll(() => versionsOf(stream), PATIENCE).toEqual(['2.0.0']);
      const body = { name: 'welcome', version: '3.0.0', messages: [{ role: 'user', content: 'x' }] };
      await acme('POST', '/v1/prompts', body);
      await expect.poll(() => versionsOf(stream), PATIENCE).toEqual(['2.0.0', '3.0.0']);
      expect(stream.events[0]!.data.label).toBeNull();
    });

    it('tells that the label is gone, and when it is back', async () => {
      await start();
      const stream = await watch();
      await expect.poll(() => stream.events.length, PATIENCE).toBe(1);
      await acme('DELETE', '/v1/prompts/welcome/labels/production');
      await expect.poll(() => stream.events.at(-1)?.event, PATIENCE).toBe('removed');
      expect(stream.events.at(-1)!.data).toMatchObject({ label: 'production', id: null, version: null, etag: null });
      await move('2.0.0');
      await expect.poll(() => versionsOf(stream), PATIENCE).toEqual(['1.0.0', null, '2.0.0']);
    });

    it('tells nothing again to who says that it knows, and what has changed since to who does not', async () => {
      await start({ heartbeatMs: 100 });
      const first = await watch();
      await expect.poll(() => first.events.length, PATIENCE).toBe(1);
      const known = { 'last-event-id': first.events[0]!.id };
      const again = await watch('?label=production', known);
      await expect.poll(() => again.comments.length, PATIENCE).toBeGreaterThan(1);
      expect(again.events).toEqual([]);
      await move('2.0.0');
      await expect.poll(() => versionsOf(again), PATIENCE).toEqual(['2.0.0']);
      const late = await watch('?label=production', known);
      await expect.poll(() => versionsOf(late), PATIENCE).toEqual(['2.0.0']);
    });

    it('follows the version of its unit, of a label that stands for several', async () => {
      await start();
      const split = [
        { version_tag: '1.0.0', weight: 1 },
        { version_tag: '2.0.0', weight: 1 },
      ];
      await acme('POST', '/v1/prompts/welcome/labels', { name: 'production', split });
      for (const unit of ['a', 'b', 'c', 'd']) {
        const answer = await acme('GET', `/v1/prompts/welcome?label=production&unit=${unit}`);
        const stream = await watch(`?label=production&unit=${unit}`);
        await expect.poll(() => stream.events.length, PATIENCE).toBe(1);
        expect(stream.events[0]!.data).toMatchObject({
          version: answer.json().version.version_tag,
          etag: answer.headers.etag,
        });
      }
    });

    it('is refused beyond so many, and open again when one has left', async () => {
      await start({ maxWatchers: 2 });
      const [first] = [await watch(), await watch()];
      const third = await watch();
      expect([third.status, JSON.parse(third.body).code]).toEqual([503, 'OVERLOADED']);
      expect(third.headers['retry-after']).toBe('1');
      first!.close();
      await expect.poll(async () => (await watch()).status, PATIENCE).toBe(200);
    });

    it('ends after its time, so that who comes again shows a key again', async () => {
      await start({ maxStreamMs: 300 });
      const stream = await watch();
      await stream.ended;
      expect(versionsOf(stream)).toEqual(['1.0.0']);
      expect(stream.body).toMatch(/^retry: \d+\n\n/);
    });

    it('is ended when the gateway closes, and does not hold it up', async () => {
      await start();
      const stream = await watch();
      await expect.poll(() => stream.events.length, PATIENCE).toBe(1);
      await context.app.close();
      await stream.ended;
    });

    it('asks for a key that reads, is counted once, and is no stream for what is not there', async () => {
      await start();
      const before = charged;
      await watch();
      expect(charged - before).toBe(1);
      const { key } = await context.access.mint('acme', 'write');
      const url = `${base}/v1/prompts/welcome/events`;
      expect((await fetch(url, { headers: { ...headers, 'x-api-key': key } })).status).toBe(403);
      expect((await fetch(url, { headers: { ...headers, 'x-api-key': 'nobody' } })).status).toBe(401);
      expect((await fetch(url, { method: 'HEAD', headers })).status).toBe(405);
      for (const [path, error] of [
        ['nobody/events', 'Prompt not found'],
        ['welcome/events?label=none', 'Label not found'],
      ]) {
        const response = await fetch(`${base}/v1/prompts/${path}`, { headers });
        expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([404, error]);
      }
    });
  });

  describe('GET /v1/prompts/:name?wait=', () => {
    const poll = (wait: number, etag?: string) =>
      fetch(`${base}/v1/prompts/welcome?label=production&wait=${wait}`, {
        headers: { ...headers, ...(etag !== undefined && { 'if-none-match': etag }) },
      });

    it('answers when it is another, and not before', async () => {
      await start();
      const etag = (await poll(30)).headers.get('etag')!;
      let answered = false;
      const waiting = poll(30, etag).then((response) => {
        answered = true;
        return response;
      });
      await sleep(300);
      expect(answered).toBe(false);
      await move('2.0.0');
      const response = await waiting;
      expect(response.status).toBe(200);
      expect(((await response.json()) as { version: { version_tag: string } }).version.version_tag).toBe('2.0.0');
    });

    it('is a 304 after the wait when nothing has changed, and an answer at once to who knows nothing', async () => {
      await start();
      const etag = (await poll(30)).headers.get('etag')!;
      expect((await poll(30, 'W/"other"')).status).toBe(200);
      const response = await poll(0.3, etag);
      expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, etag, '']);
    });

    it('is told when the label is taken away', async () => {
      await start();
      const etag = (await poll(0)).headers.get('etag')!;
      const waiting = poll(30, etag);
      await sleep(100);
      await acme('DELETE', '/v1/prompts/welcome/labels/production');
      expect((await waiting).status).toBe(404);
    });

    it('holds up nobody who closes the gateway: it is a 304 at once', async () => {
      await start();
      const etag = (await poll(0)).headers.get('etag')!;
      const waiting = poll(60, etag);
      await expect.poll(() => charged, PATIENCE).toBeGreaterThan(4);
      await sleep(100);
      await context.app.close();
      expect((await waiting).status).toBe(304);
    });

    it.each(['-1', '61', 'x'])('of %s is a 422', async (wait) => {
      await start();
      expect((await acme('GET', `/v1/prompts/welcome?wait=${wait}`)).statusCode).toBe(422);
    });
  });

  it('a prompt that can not be asked for again is answered as it was known, with a warning', async () => {
    await start();
    const url = '/v1/prompts/welcome?label=production';
    const before = await acme('GET', url);
    expect(before.headers.warning).toBeUndefined();
    const { labels } = context.access.control;
    const gone = async () => {
      throw new GatewayError('STORE_UNAVAILABLE', 'gone');
    };
    const real = labels.get;
    Object.assign(labels, { get: gone });
    await expect
      .poll(async () => {
        await fixture.registry.control.changes.announce({ topic: 'prompts', workspace: 'acme', name: 'welcome' });
        return (await acme('GET', url)).headers.warning;
      }, PATIENCE)
      .toBe('110 - "Response is Stale"');
    const stale = await acme('GET', url);
    expect([stale.statusCode, stale.body, stale.headers.etag]).toEqual([200, before.body, before.headers.etag]);
    expect((await acme('GET', '/v1/prompts/welcome?label=other')).statusCode).toBe(503);
    Object.assign(labels, { get: real });
    expect((await acme('GET', url)).headers.warning).toBeUndefined();
  });
});
