import { z } from 'zod';
import type { StoredTrace, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { apiError, errorSchema, JSON_TYPE, reportFailure } from '../errors.js';
import type { ApiEvents } from '../events.js';
import { countPageSchema, pageSchema, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { streamPieces } from '../stream.js';
import { readTraceCount, readTraceQuery } from './query.js';
import { renderOtlpTrace, renderSummary, renderTrace } from './render.js';
import {
  countTracesQuery,
  listTracesQuery,
  traceItemSchema,
  traceParameters,
  traceQuery,
  traceSchema,
  tracesDataSchema,
} from './schema.js';

/** Larger traces are sent in pieces as they are made, without ETag and Content-Length. */
const MAX_SPANS_AT_ONCE = 500;

/** What fails after the head was sent can only cut the answer off: the log is where it shows. */
function body(
  trace: StoredTrace,
  traceIdText: string,
  format: 'json' | 'otlp',
  onError: (error: unknown) => void,
): string | ReturnType<typeof streamPieces> {
  const pieces = format === 'otlp' ? renderOtlpTrace(trace) : renderTrace(trace, traceIdText);
  if (trace.spans.length <= MAX_SPANS_AT_ONCE) return [...pieces].join('');
  return streamPieces(pieces).once('error', onError);
}

export interface TracesOptions {
  telemetry: TelemetryReader;
  events: ApiEvents;
}

export const tracesPlugin: ApiPlugin<TracesOptions> = async (app, { telemetry, events }) => {
  app.route({
    method: 'GET',
    url: '/v1/traces',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'List traces, newest first',
      querystring: listTracesQuery,
      response: { 200: pageSchema(traceItemSchema), '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const page = await telemetry.listTraces(readTraceQuery(request.workspace, request.query));
      return reply.type(JSON_TYPE).send(renderPage('trace', request.query, page, renderSummary));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/traces/count',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'Count traces',
      querystring: countTracesQuery,
      response: { 200: countPageSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const page = await telemetry.listTraces(readTraceCount(request.workspace, request.query));
      return reply.type(JSON_TYPE).send(renderCount(page));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/traces/:trace_id',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'One trace with all its spans, by start time',
      params: traceParameters,
      querystring: traceQuery,
      response: { 200: z.union([traceSchema, tracesDataSchema]), '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const { id, text } = request.params.trace_id;
      const trace = requireFound(await telemetry.getTrace(request.workspace, id), 'Trace');
      const failed = (error: unknown) => reportFailure(events, request, apiError(error));
      return reply.type(JSON_TYPE).send(body(trace, text, request.query.format, failed));
    },
  });
};
