import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../audit.js';
import { errorSchema } from '../errors.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import {
  deadLetterPageSchema,
  deadLetterParameters,
  deadLetterSchema,
  listDeadLettersQuery,
  replayedSchema,
} from './schema.js';
import type { DeadLetter, DeadLetters } from './source.js';

const seconds = (unixMs: number) => Math.floor(unixMs / 1000);
const errors = { '4xx': errorSchema, '5xx': errorSchema };

function render({ id, reason, frame, payloadBytes, failedTimeUnixMs }: DeadLetter): z.infer<typeof deadLetterSchema> {
  return {
    id,
    reason,
    signal: frame?.signal ?? null,
    encoding: frame?.encoding ?? null,
    items: frame?.items ?? null,
    payload_bytes: payloadBytes,
    received_at: frame ? seconds(frame.receivedTimeUnixMs) : null,
    created_at: seconds(failedTimeUnixMs),
  };
}

/** A frame that was damaged on disk names no workspace: nothing of its content is shown, so everyone sees that it is. */
function visible(workspace: string, letter: DeadLetter | undefined): letter is DeadLetter {
  return letter !== undefined && (letter.frame === undefined || letter.frame.workspace === workspace);
}

export interface DeadLettersOptions {
  deadLetters: DeadLetters;
  audit: Audit | undefined;
}

export const deadLettersPlugin: ApiPlugin<DeadLettersOptions> = async (app, { deadLetters, audit }) => {
  const note = (request: FastifyRequest, action: string, targetId: string) =>
    audit?.(request, { workspace: request.workspace, action, targetId });

  const find = async (workspace: string, id: string): Promise<DeadLetter> => {
    const letter = await deadLetters.get(id);
    return requireFound(visible(workspace, letter) ? letter : undefined, 'Dead letter');
  };

  app.route({
    method: 'GET',
    url: '/v1/dead-letters',
    config: { scope: 'read' },
    schema: {
      tags: ['dead letters'],
      summary: 'Requests that were acknowledged and could not be stored, newest first',
      querystring: listDeadLettersQuery,
      response: { 200: deadLetterPageSchema, ...errors },
    },
    handler: async ({ workspace, query: { page, limit } }) => {
      const letters = (await deadLetters.list()).filter((letter) => visible(workspace, letter));
      const items = letters.slice((page - 1) * limit, page * limit).map(render);
      return { items, total: letters.length, page, limit, totalPages: Math.ceil(letters.length / limit) };
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/dead-letters/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['dead letters'],
      summary: 'One of them',
      params: deadLetterParameters,
      response: { 200: deadLetterSchema, ...errors },
    },
    handler: async ({ workspace, params }) => render(await find(workspace, params.id)),
  });

  app.route({
    method: 'POST',
    url: '/v1/dead-letters/:id/replay',
    config: { scope: 'admin' },
    schema: {
      tags: ['dead letters'],
      summary: 'Put it back into the buffer, to be stored again',
      params: deadLetterParameters,
      response: { 202: replayedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id } = await find(request.workspace, request.params.id);
      await note(request, 'dead_letter:replay', id);
      return reply.code(202).send({ id, sequence: await deadLetters.replay(id) });
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/dead-letters/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['dead letters'],
      summary: 'Delete it for good',
      params: deadLetterParameters,
      response: { 204: z.null().describe('Deleted'), ...errors },
    },
    handler: async (request, reply) => {
      const { id } = await find(request.workspace, request.params.id);
      await note(request, 'dead_letter:delete', id);
      await deadLetters.remove(id);
      return reply.code(204).send();
    },
  });
};
