import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../audit.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { offsetPage, sliceOf } from '../offset-page.js';
import { countPageSchema, renderCount, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { firstMilli } from '../time.js';
import {
  deadLetterFilters,
  deadLetterPageSchema,
  deadLetterParameters,
  deadLetterSchema,
  listDeadLettersQuery,
  replayedSchema,
} from './schema.js';
import type { DeadLetter, DeadLetters } from './source.js';

const seconds = (unixMs: number) => Math.floor(unixMs / 1000);
const errors = { '4xx': errorSchema, '5xx': errorSchema };

function render(letter: DeadLetter): z.infer<typeof deadLetterSchema> {
  const { id, reason, exporter, frame, payloadBytes, failedTimeUnixMs } = letter;
  return {
    id,
    reason,
    exporter: exporter ?? null,
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

function filterOf(workspace: string, query: z.infer<typeof deadLetterFilters>): (letter: DeadLetter) => boolean {
  const { signal, workspace_id: named } = query;
  const from = firstMilli(query.from) ?? Number.NEGATIVE_INFINITY;
  const to = firstMilli(query.to) ?? Number.POSITIVE_INFINITY;
  return (letter) =>
    visible(workspace, letter) &&
    (signal === undefined || letter.frame?.signal === signal) &&
    (named === undefined || letter.frame?.workspace === named) &&
    letter.failedTimeUnixMs >= from &&
    letter.failedTimeUnixMs < to;
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
    handler: async ({ workspace, query }) => {
      const { offset, limit } = sliceOf(query);
      const newestFirst = (await deadLetters.list()).filter(filterOf(workspace, query));
      const letters = query.order === 'asc' ? newestFirst.reverse() : newestFirst;
      const items = letters.slice(offset, offset + limit);
      return offsetPage(query, { items, total: letters.length }, render);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/dead-letters/count',
    config: { scope: 'read' },
    schema: {
      tags: ['dead letters'],
      summary: 'How many match',
      querystring: deadLetterFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const { length: total } = (await deadLetters.list()).filter(filterOf(workspace, query));
      return reply.type(JSON_TYPE).send(renderCount({ total, totalRelation: 'eq' }));
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
      summary: 'Put it back into the buffer, to be stored again; one of an exporter is sent to its backend again',
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
