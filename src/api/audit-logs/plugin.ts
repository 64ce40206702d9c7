import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccessStore } from '../../access/keys.js';
import type { AuditFilters } from '../../store/control/audit-logs.js';
import { apiError, errorSchema, JSON_TYPE, reportFailure } from '../errors.js';
import type { ApiEvents } from '../events.js';
import { countPageSchema, readPaging, renderCount, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { firstMilli } from '../time.js';
import { renderAuditLog, renderLines, renderVerification } from './render.js';
import { auditFilterQuery, auditLogPageSchema, listAuditLogsQuery, verificationSchema } from './schema.js';

const NDJSON_TYPE = 'application/x-ndjson';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function keyFilter(key: string | undefined): Pick<AuditFilters, 'keyId' | 'keyName'> {
  if (key === undefined) return {};
  return /^\d{1,15}$/.test(key) ? { keyId: Number(key) } : { keyName: key };
}

function readFilters(workspace: string, query: z.infer<typeof auditFilterQuery>): AuditFilters {
  const { from, to, action, key, target: targetId } = query;
  return { workspace, fromUnixMs: firstMilli(from), toUnixMs: firstMilli(to), action, targetId, ...keyFilter(key) };
}

function wantsLines({ headers, query }: FastifyRequest): boolean {
  const { format } = query as z.infer<typeof listAuditLogsQuery>;
  return format === undefined ? (headers.accept ?? '').includes(NDJSON_TYPE) : format === 'ndjson';
}

export interface AuditLogsOptions {
  access: { readonly store: AccessStore };
  events: ApiEvents;
}

export const auditLogsPlugin: ApiPlugin<AuditLogsOptions> = async (app, { access, events }) => {
  const auditLogs = () => access.store.control.auditLogs;

  /** What fails after the head was sent can only cut the answer off: the log is where it shows. */
  const lines = (request: FastifyRequest, filters: AuditFilters): Readable =>
    Readable.from(renderLines(auditLogs().stream(filters)), { objectMode: false }).once('error', (error) =>
      reportFailure(events, request, apiError(error)),
    );

  app.route({
    method: 'GET',
    url: '/v1/audit-logs',
    config: { scope: 'admin' },
    schema: {
      tags: ['audit logs'],
      summary: 'Who changed what: newest first, or all of it as NDJSON',
      querystring: listAuditLogsQuery,
      response: {
        200: {
          description: 'A page, or one JSON object a line',
          content: {
            'application/json': { schema: auditLogPageSchema },
            [NDJSON_TYPE]: { schema: z.string() },
          },
        },
        ...errors,
      },
    },
    handler: async (request, reply) => {
      const filters = readFilters(request.workspace, request.query);
      if (wantsLines(request)) return reply.type(NDJSON_TYPE).send(lines(request, filters));
      const page = await auditLogs().list({
        ...filters,
        order: request.query.order,
        ...readPaging('audit', request.query),
      });
      const text = renderPage('audit', request.query, page, (row) => JSON.stringify(renderAuditLog(row)));
      return reply.type(JSON_TYPE).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/audit-logs/count',
    config: { scope: 'admin' },
    schema: {
      tags: ['audit logs'],
      summary: 'How many match',
      querystring: auditFilterQuery,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) =>
      reply.type(JSON_TYPE).send(renderCount(await auditLogs().count(readFilters(workspace, query)))),
  });

  app.route({
    method: 'GET',
    url: '/v1/audit-logs/verify',
    config: { scope: 'admin' },
    schema: {
      tags: ['audit logs'],
      summary: 'Whether the chain of hashes is whole: no row was changed, taken out or put in',
      response: { 200: verificationSchema, ...errors },
    },
    handler: async (request) => renderVerification(await auditLogs().verify(request.workspace)),
  });
};
