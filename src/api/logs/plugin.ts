/** Native logs: calls to models, each one record of the telemetry store. Records that came by OTLP are another group. */
import type { z } from 'zod';
import type { NativeIntake } from '../../model/native.js';
import { logTimeOf } from '../../model/native-log-ids.js';
import { logFilters } from '../../model/native-logs.js';
import { LOG_EVENT } from '../../model/native-names.js';
import type { LogQuery, StoredLogRecord, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { readFilters, readListQuery } from '../filters.js';
import { mediaType, readItems } from '../native-body.js';
import { nativeRequest, sendAnswer } from '../native-request.js';
import type { NativeRoute } from '../native-route.js';
import { COUNTING, countPageSchema, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderNativeLog } from './render.js';
import {
  acceptedSchema,
  LOG_EXAMPLE,
  listNativeLogsQuery,
  logBodies,
  logBody,
  logParameters,
  nativeLogFilters,
  nativeLogPageSchema,
  nativeLogSchema,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

type Filters = z.infer<typeof nativeLogFilters>;

/** What the store knows of logs, beside what every list has. */
function logQuery(query: Filters): Pick<LogQuery, 'eventName' | 'traceId' | 'spanId'> {
  const { trace_id: traceId, span_id: spanId } = query;
  return { eventName: LOG_EVENT, ...(traceId && { traceId }), ...(spanId && { spanId }) };
}

/** Fields of a log are attributes of its record. */
function attributesOf({ metadata = [], ...query }: Filters, attributes: LogQuery['attributes'] = []) {
  const { prompt_name, version_tag, provider, model, status, error_code, run_id } = query;
  const fields = logFilters({ prompt_name, version_tag, provider, model, status, error_code, run_id });
  const ofMetadata = metadata.flatMap(({ key, value }) => logFilters({ metadata: { [key]: value } }));
  return { attributes: [...attributes, ...fields, ...ofMetadata] };
}

function readLogQuery(workspace: string, query: z.infer<typeof listNativeLogsQuery>): LogQuery {
  const list = readListQuery('native', workspace, query);
  return { ...list, ...logQuery(query), ...attributesOf(query, list.attributes) };
}

function readCountQuery(workspace: string, query: Filters): LogQuery {
  const filters = readFilters(workspace, query);
  return { ...filters, ...COUNTING, ...logQuery(query), ...attributesOf(query, filters.attributes) };
}

/** The id is made from the time: of the records of one nanosecond there is one. */
async function findLog(telemetry: TelemetryReader, workspace: string, id: number): Promise<StoredLogRecord> {
  const fromUnixNano = requireFound(logTimeOf(id), 'Log');
  const toUnixNano = fromUnixNano + 1n;
  const query = { workspace, eventName: LOG_EVENT, fromUnixNano, toUnixNano, limit: 1, offset: 0 };
  return requireFound((await telemetry.listLogs(query)).items[0], 'Log');
}

/** On the path that it shares with OTLP. */
export function createLogs(intake: NativeIntake): NativeRoute {
  return {
    summary: 'Store logs: one, an array, or one a line (NDJSON)',
    body: logBodies,
    example: LOG_EXAMPLE,
    response: { 202: acceptedSchema },
    lines: true,
    answer: async (request, reply, body) => {
      const { items, batch } = readItems(logBody, body, mediaType(request));
      return sendAnswer(reply, await intake.createLogs(nativeRequest(request, body), items, { batch }));
    },
  };
}

export const logsPlugin: ApiPlugin<{ telemetry: TelemetryReader }> = async (app, { telemetry }) => {
  app.route({
    method: 'GET',
    url: '/v1/logs',
    config: { scope: 'read' },
    schema: {
      tags: ['logs'],
      summary: 'List logs, newest first',
      querystring: listNativeLogsQuery,
      response: { 200: nativeLogPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { workspace, query } = request;
      const page = await telemetry.listLogs(readLogQuery(workspace, query));
      const text = renderPage('native', query, page, (record) => renderNativeLog(record, workspace));
      return reply.type(JSON_TYPE).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/logs/count',
    config: { scope: 'read' },
    schema: {
      tags: ['logs'],
      summary: 'Count logs',
      querystring: nativeLogFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const page = await telemetry.listLogs(readCountQuery(request.workspace, request.query));
      return reply.type(JSON_TYPE).send(renderCount(page));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/logs/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['logs'],
      summary: 'One log',
      params: logParameters,
      response: { 200: nativeLogSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { workspace, params } = request;
      const record = await findLog(telemetry, workspace, params.id);
      return reply.type(JSON_TYPE).send(renderNativeLog(record, workspace));
    },
  });
};
