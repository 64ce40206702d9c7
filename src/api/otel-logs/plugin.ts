import { z } from 'zod';
import { logRecordsToOtlpJson } from '../../otlp/encode.js';
import type { LogQuery, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { readFilters, readListQuery } from '../filters.js';
import { createSharedText } from '../json-text.js';
import { COUNTING, countPageSchema, nextLink, renderCount, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderLogRecord } from './render.js';
import { listLogsQuery, logFilters, logPageSchema, logsDataSchema } from './schema.js';

type LogFilters = Omit<LogQuery, 'limit'>;

function readLogFilters(workspace: string, query: z.infer<typeof logFilters>): LogFilters {
  const { trace_id: traceId, span_id: spanId, min_severity: minSeverityNumber, event_name: eventName } = query;
  return {
    ...readFilters(workspace, query),
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
    ...(minSeverityNumber !== undefined && { minSeverityNumber }),
    ...(eventName !== undefined && { eventName }),
    ...(query.body !== undefined && { bodyContains: query.body }),
  };
}

export const otelLogsPlugin: ApiPlugin<{ telemetry: TelemetryReader }> = async (app, { telemetry }) => {
  app.route({
    method: 'GET',
    url: '/v1/otel/logs',
    config: { scope: 'read' },
    schema: {
      tags: ['logs'],
      summary: 'List OTLP log records, newest first',
      querystring: listLogsQuery,
      response: { 200: z.union([logPageSchema, logsDataSchema]), '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const page = await telemetry.listLogs({
        ...readLogFilters(request.workspace, request.query),
        ...readListQuery('log', request.workspace, request.query),
      });
      if (request.query.format === 'otlp') {
        const link = nextLink('log', request.url, page);
        if (link !== undefined) reply.header('link', link);
        return reply.type(JSON_TYPE).send(logRecordsToOtlpJson(page.items));
      }
      const shared = createSharedText();
      const text = renderPage('log', request.query, page, (record) => renderLogRecord(record, shared));
      return reply.type(JSON_TYPE).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/otel/logs/count',
    config: { scope: 'read' },
    schema: {
      tags: ['logs'],
      summary: 'How many OTLP log records match',
      querystring: logFilters,
      response: { 200: countPageSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async ({ workspace, query }, reply) => {
      const page = await telemetry.listLogs({ ...readLogFilters(workspace, query), ...COUNTING });
      return reply.type(JSON_TYPE).send(renderCount(page));
    },
  });
};
