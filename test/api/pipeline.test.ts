import { describe, expect, it } from 'vitest';
import { ANY_WORKSPACE } from '../../src/access/principal.js';
import { testApp } from '../helpers/api.js';
import { identityOf } from '../helpers/identities.js';
import { failingStage, pipelineOf } from '../helpers/tracking.js';

const identify = identityOf({
  master: { id: 1, workspace: ANY_WORKSPACE, scopes: ['admin'] },
  admin: { id: 2, workspace: 'default', scopes: ['admin'] },
  reader: { id: 3, workspace: 'default', scopes: ['read', 'write'] },
});

async function ask(key: string) {
  const { app } = await testApp({ identify, readPipeline: pipelineOf([failingStage]) });
  const response = await app.inject({ url: '/debug/pipeline', headers: { 'x-api-key': key } });
  await app.close();
  return { status: response.statusCode, body: response.json() };
}

describe('GET /debug/pipeline', () => {
  it('shows a stage with what is counted there, and null for what is not', async () => {
    expect((await ask('master')).body).toEqual({
      started_at: 1_760_000_000,
      stages: [
        {
          kind: 'exporter',
          name: 'tempo',
          status: 'failing',
          in: { requests: 3, items: 30, bytes: 300, signals: null },
          out: { requests: null, items: 10, bytes: null, signals: { traces: 10, logs: 0, metrics: 0 } },
          refused: null,
          dropped: { lagged_too_far: 5 },
          lag: { requests: 2, items: 15, bytes: 150, oldest_age_ms: 12.5 },
          details: { retries: 4 },
          last_error: { message: 'HTTP 503: somebody said secret', at: 1_760_000_001 },
        },
      ],
    });
  });

  it('keeps the words of an error, which may be of another workspace, from the administrator of one', async () => {
    expect((await ask('admin')).body.stages[0].last_error).toEqual({ message: 'HTTP 503', at: 1_760_000_001 });
  });

  it('is for administrators alone', async () => {
    expect((await ask('reader')).status).toBe(403);
  });
});
