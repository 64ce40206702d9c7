/** Sessions and users, as spans of any vocabulary name them. */
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { GenerationReader, SessionSummary, UserSummary } from '../../store/telemetry/generations.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { unixMillis } from '../json-text.js';
import { readPaging, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderSums } from '../usage-schema.js';
import {
  listSessionsQuery,
  listUsersQuery,
  MAX_TRACE_IDS,
  oneSessionSchema,
  sessionPageSchema,
  sessionParameters,
  userPageSchema,
  userParameters,
  userSchema,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

/** Members that both have, without braces. */
function renderShared(summary: SessionSummary | UserSummary): string {
  return (
    `"id":${JSON.stringify(summary.id)},"first_time":${unixMillis(summary.firstTimeUnixNano)},` +
    `"last_time":${unixMillis(summary.lastTimeUnixNano)},"traces":${summary.traces},${renderSums(summary)}`
  );
}

function renderSession(session: SessionSummary): string {
  return `{${renderShared(session)},"user_ids":${JSON.stringify(session.userIds)}}`;
}

function renderUser(user: UserSummary): string {
  return `{${renderShared(user)},"sessions":${user.sessions}}`;
}

function withTraces(session: SessionSummary, traceIds: readonly string[]): string {
  return `${renderSession(session).slice(0, -1)},"trace_ids":${JSON.stringify(traceIds)}}`;
}

function timesOf({ from, to }: z.infer<typeof listUsersQuery>) {
  return { ...(from !== undefined && { fromUnixNano: from }), ...(to !== undefined && { toUnixNano: to }) };
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_TYPE).send(text);
}

export const sessionsPlugin: ApiPlugin<{ generations: GenerationReader }> = async (app, { generations }) => {
  app.route({
    method: 'GET',
    url: '/v1/sessions',
    config: { scope: 'read' },
    schema: {
      tags: ['sessions'],
      summary: 'List sessions, the latest active first',
      querystring: listSessionsQuery,
      response: { 200: sessionPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const user = query.user_id !== undefined && { userId: query.user_id };
      const page = await generations.listSessions({
        workspace,
        ...timesOf(query),
        ...user,
        ...readPaging('session', query),
      });
      return sendJson(reply, renderPage('session', query, page, renderSession));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/sessions/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['sessions'],
      summary: 'One session, with the ids of its traces',
      params: sessionParameters,
      response: { 200: oneSessionSchema, ...errors },
    },
    handler: async ({ workspace, params }, reply) => {
      const session = requireFound(await generations.getSession(workspace, params.id), 'Session');
      const traceIds = await generations.listSessionTraces(workspace, params.id, MAX_TRACE_IDS);
      return sendJson(reply, withTraces(session, traceIds));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/users',
    config: { scope: 'read' },
    schema: {
      tags: ['sessions'],
      summary: 'List users, the latest active first',
      querystring: listUsersQuery,
      response: { 200: userPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const page = await generations.listUsers({ workspace, ...timesOf(query), ...readPaging('user', query) });
      return sendJson(reply, renderPage('user', query, page, renderUser));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/users/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['sessions'],
      summary: 'One user',
      params: userParameters,
      response: { 200: userSchema, ...errors },
    },
    handler: async ({ workspace, params }, reply) =>
      sendJson(reply, renderUser(requireFound(await generations.getUser(workspace, params.id), 'User'))),
  });
};
