import { describe, expect, it } from 'vitest';
import { deadLetterPageSchema, deadLetterSchema, replayedSchema } from '../../src/api/dead-letters/schema.js';
import type { DeadLetter, DeadLetters } from '../../src/api/dead-letters/source.js';
import { GatewayError } from '../../src/errors.js';
import { testApp } from '../helpers/api.js';

function letter(sequence: number, workspace: string | undefined): DeadLetter {
  const frame = workspace
    ? ({ signal: 'traces', encoding: 'protobuf', workspace, items: 3, receivedTimeUnixMs: 1_767_225_600_123 } as const)
    : undefined;
  return {
    id: `0a1b2c3d-${sequence}`,
    reason: 'cannot be decoded: x',
    failedTimeUnixMs: 1_767_225_600_999,
    payloadBytes: 7,
    frame,
  };
}

async function appWith(letters: DeadLetter[], over: Partial<DeadLetters> = {}) {
  const deadLetters: DeadLetters = {
    list: async () => letters,
    get: async (id) => letters.find((one) => one.id === id),
    replay: async () => 99,
    remove: async (id) => {
      letters.splice(
        letters.findIndex((one) => one.id === id),
        1,
      );
      return true;
    },
    ...over,
  };
  return (await testApp({ deadLetters })).app;
}

describe('dead letters', () => {
  it('are listed in pages, each with its reason', async () => {
    const app = await appWith([letter(3, 'default'), letter(2, 'default'), letter(1, undefined)]);
    const page = deadLetterPageSchema.parse((await app.inject('/v1/dead-letters?limit=2')).json());
    expect(page).toMatchObject({ total: 3, page: 1, limit: 2, totalPages: 2 });
    expect(page.items.map(({ id }) => id)).toEqual(['0a1b2c3d-3', '0a1b2c3d-2']);
    expect(page.items[0]).toMatchObject({ reason: 'cannot be decoded: x', created_at: 1_767_225_600, items: 3 });
    const damaged = deadLetterSchema.parse((await app.inject('/v1/dead-letters/0a1b2c3d-1')).json());
    expect(damaged).toMatchObject({ signal: null, received_at: null });
    await app.close();
  });

  it('are narrowed by filters, counted, and listed oldest first', async () => {
    const at = (sequence: number, failedTimeUnixMs: number, signal: 'traces' | 'logs' | undefined): DeadLetter => {
      const { frame, ...rest } = letter(sequence, signal && 'default');
      return { ...rest, failedTimeUnixMs, frame: frame && { ...frame, signal: signal! } };
    };
    const app = await appWith([
      at(4, 4000, undefined),
      at(3, 3000, 'logs'),
      at(2, 2000, 'traces'),
      at(1, 1000, 'logs'),
    ]);
    const cases: [string, number[]][] = [
      ['', [4, 3, 2, 1]],
      ['order=asc', [1, 2, 3, 4]],
      ['order=asc&limit=2&page=2', [3, 4]],
      ['signal=logs', [3, 1]],
      ['workspace_id=default', [3, 2, 1]],
      ['workspace_id=acme', []],
      ['from=2000&to=4000', [3, 2]],
      ['from=2000&signal=logs&order=asc', [3]],
    ];
    for (const [query, expected] of cases) {
      const page = deadLetterPageSchema.parse((await app.inject(`/v1/dead-letters?${query}`)).json());
      expect([query, page.items.map(({ id }) => Number(id.at(-1)))]).toEqual([query, expected]);
      const counted = (await app.inject(`/v1/dead-letters/count?${query}`)).json();
      expect(counted).toEqual({ count: page.total, countRelation: 'eq' });
    }
    expect((await app.inject('/v1/dead-letters?signal=x')).statusCode).toBe(422);
    await app.close();
  });

  it('of another workspace are not there', async () => {
    const letters = [letter(3, 'theirs')];
    const app = await appWith(letters);
    expect((await app.inject('/v1/dead-letters')).json().total).toBe(0);
    for (const [method, url] of [
      ['GET', '/v1/dead-letters/0a1b2c3d-3'],
      ['DELETE', '/v1/dead-letters/0a1b2c3d-3'],
      ['POST', '/v1/dead-letters/0a1b2c3d-3/replay'],
    ] as const) {
      const response = await app.inject({ method, url });
      expect(response.statusCode).toBe(404);
      expect(response.json().error).toBe('Dead letter not found');
    }
    expect(letters).toHaveLength(1);
    await app.close();
  });

  it('are replayed with 202 and their new sequence', async () => {
    const app = await appWith([letter(3, 'default')]);
    const response = await app.inject({ method: 'POST', url: '/v1/dead-letters/0a1b2c3d-3/replay' });
    expect(response.statusCode).toBe(202);
    expect(replayedSchema.parse(response.json())).toEqual({ id: '0a1b2c3d-3', sequence: 99 });
    await app.close();
  });

  it('answer 503 with Retry-After while the buffer is full', async () => {
    const app = await appWith([letter(3, 'default')], {
      replay: async () => {
        throw new GatewayError('BUFFER_FULL', 'The buffer is full', { retryAfterMs: 2500 });
      },
    });
    const response = await app.inject({ method: 'POST', url: '/v1/dead-letters/0a1b2c3d-3/replay' });
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('3');
    await app.close();
  });

  it('are deleted with 204', async () => {
    const letters = [letter(3, 'default')];
    const app = await appWith(letters);
    expect((await app.inject({ method: 'DELETE', url: '/v1/dead-letters/0a1b2c3d-3' })).statusCode).toBe(204);
    expect(letters).toEqual([]);
    await app.close();
  });
});
