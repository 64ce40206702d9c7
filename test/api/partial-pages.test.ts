/** Lists that stop looking before they find: over a real store whose budget is nothing. */
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/api/paging.js';
import { testApp } from '../helpers/api.js';
import { decodedFrame, recordSource } from '../helpers/records.js';
import { makeSqliteStore, readerThreads, type SqliteStoreUnderTest } from '../store/telemetry/sqlite-files.js';

const pool = readerThreads();
let target: SqliteStoreUnderTest;
let app: FastifyInstance;

beforeAll(async () => {
  target = await makeSqliteStore(pool, { pageBudgetMs: 0 });
  app = (await testApp({ telemetry: target.store })).app;
  const source = recordSource(1);
  const items = Array.from({ length: 100 }, (_, at) => at);
  const frame = decodedFrame(1, {
    spans: items.map((at) => source.span({ name: `${at}`, statusCode: at % 45 === 3 ? 2 : 0 })),
    logRecords: items.map((at) => source.logRecord({ eventName: at % 45 === 3 ? 'rare' : 'usual' })),
    metricPoints: items.map((at) => source.metricPoint('gauge', { attributes: `{"at":${at % 45}}` })),
  });
  await (await target.writer()).write({ bufferId: 'b', range: { first: 1, last: 1 }, frames: [frame] });
});
afterAll(async () => {
  await app.close();
  await target.dispose();
});

interface Answer {
  items: unknown[];
  totalRelation: string;
  nextCursor: string | null;
}

async function follow(url: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  let cursor: string | null | undefined;
  do {
    const response = await app.inject(cursor ? `${url.replace(/&page=\d+/, '')}&cursor=${cursor}` : url);
    expect(response.statusCode).toBe(200);
    answers.push(response.json());
    cursor = answers.at(-1)!.nextCursor;
  } while (cursor && answers.length < 50);
  return answers;
}

describe('a list whose filter matches rarely', () => {
  test.each([
    '/v1/traces?status=error&limit=2',
    '/v1/otel/logs?event_name=rare&limit=2',
    '/v1/otel/metrics?attributes[at]=3&limit=2',
  ])('%s answers with an error, or its cursors lead past a match', async (url) => {
    const answers = await follow(url);
    expect(answers.flatMap(({ items }) => items)).toHaveLength(3);
    expect(answers.at(-1)!.nextCursor).toBeNull();
    const empty = answers.filter(({ items, nextCursor }) => items.length === 0 && nextCursor !== null);
    expect(empty.length).toBeGreaterThan(0);
    for (const { totalRelation } of empty) expect(totalRelation).toBe('gte');
  });

  test('the page of a number has another place than counting from the first gives', async () => {
    const answers = await follow('/v1/traces?status=error&limit=1&page=2');
    expect(answers.flatMap(({ items }) => items)).toMatchObject([{ name: '48' }, { name: '3' }]);
  });

  test('format=otlp has no Link to go on with', async () => {
    const { headers, statusCode } = await app.inject('/v1/otel/logs?event_name=rare&limit=2&format=otlp');
    expect(statusCode).toBe(200);
    expect(headers.link).toMatch(/rel="next"$/);
  });
});

describe('a cursor', () => {
  test('forgets how many are still to be skipped, or takes more than may be', () => {
    const keyset = { timeUnixNano: 7n, id: 'ab', skip: 12 };
    expect(decodeCursor('trace', encodeCursor('trace', keyset))).toEqual(keyset);
    expect(decodeCursor('trace', encodeCursor('trace', { ...keyset, skip: 10_001 }))).toBeUndefined();
    expect(decodeCursor('trace', Buffer.from('trace:7+0:ab').toString('base64url'))).toBeUndefined();
  });
});
