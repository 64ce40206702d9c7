/** The path of the data, stage by stage: what came in, what went out, what waits, and what went wrong last. */
import { principalOf } from '../authentication.js';
import { kindOf } from '../error-kind.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import type { ApiPlugin } from '../plugin.js';
import { type FlowAnswer, pipelineSchema, type StageAnswer } from './schema.js';
import type { Flow, ReadPipeline, Stage } from './source.js';

const seconds = (unixMs: number) => Math.floor(unixMs / 1000);

function flow({ requests, items, bytes, signals }: Flow): FlowAnswer {
  return { requests: requests ?? null, items: items ?? null, bytes: bytes ?? null, signals: signals ?? null };
}

function lag({ lag: waiting }: Stage): StageAnswer['lag'] {
  if (waiting === undefined) return null;
  const { frames: requests, items, bytes, oldestAgeMs: oldest_age_ms } = waiting;
  return { requests, items, bytes, oldest_age_ms };
}

/** An administrator of one workspace is told nothing that may be quoted from another's data. */
function lastError({ lastError: error }: Stage, inFull: boolean): StageAnswer['last_error'] {
  if (error === undefined) return null;
  return { message: inFull ? error.message : kindOf(error.message), at: seconds(error.timeUnixMs) };
}

function render(stage: Stage, inFull: boolean): StageAnswer {
  const { kind, name, status, dropped, details, refused } = stage;
  return {
    kind,
    name,
    status,
    in: flow(stage.in),
    out: flow(stage.out),
    refused: refused ? flow(refused) : null,
    dropped: { ...dropped },
    lag: lag(stage),
    details: { ...details },
    last_error: lastError(stage, inFull),
  };
}

export const pipelinePlugin: ApiPlugin<{ readPipeline: ReadPipeline }> = async (app, { readPipeline }) => {
  app.route({
    method: 'GET',
    url: '/debug/pipeline',
    config: { scope: 'admin' },
    schema: {
      tags: ['health'],
      summary: 'Each stage of the path: in, out, refused, dropped, lag and last error',
      response: { 200: pipelineSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const { startedTimeUnixMs, stages } = await readPipeline();
      const { master, keyId } = principalOf(request);
      // Who needs no key may name any workspace.
      const inFull = master || keyId === undefined;
      const answer = { started_at: seconds(startedTimeUnixMs), stages: stages.map((stage) => render(stage, inFull)) };
      return reply.type(JSON_TYPE).send(answer);
    },
  });
};
