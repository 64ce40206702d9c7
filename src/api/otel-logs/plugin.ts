import { z } from 'zod';
import { logRecordsToOtlpJson } from '../../otlp/encode.js';
import type { LogQuery, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { readListQuery } from '../filters.js';
import { createSharedText } from '../json-text.js';
import { nextLink, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderLogRecord } from './render.js';
import { listLogsQuery, logPageSchema, logsDataSchema } from './schema.js';

function readLogQuery(workspace: string, query: z.infer<typeof listLogsQuery>): LogQuery {
  const { trace_id: traceId, span_id: spanId, min_severity: minSeverityNumber, event_name: eventName } = query;
  return {
    ...readListQuery('log', workspace, query),
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
      const page = await telemetry.listLogs(readLogQuery(request.workspace, request.query));
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
};
