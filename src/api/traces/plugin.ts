import { z } from 'zod';
import type { StoredTrace, TelemetryReader, TraceQuery } from '../../store/telemetry/telemetry.js';
import { apiError, errorSchema, JSON_TYPE, reportFailure } from '../errors.js';
import type { ApiEvents } from '../events.js';
import { readListQuery } from '../filters.js';
import { createSharedText } from '../json-text.js';
import { pageSchema, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { streamPieces } from '../stream.js';
import { renderOtlpTrace, renderSpan, renderSummary, renderTrace } from './render.js';
import {
  listTracesQuery,
  spanParameters,
  spanSchema,
  traceItemSchema,
  traceParameters,
  traceQuery,
  traceSchema,
  tracesDataSchema,
} from './schema.js';

/** Larger traces are sent in pieces as they are made, without ETag and Content-Length. */
const MAX_SPANS_AT_ONCE = 500;

const MAX_DURATION_NANO = 2 ** 63;

function readTraceQuery(workspace: string, query: z.infer<typeof listTracesQuery>): TraceQuery {
  const { name, status, min_duration_ms: minDurationMs } = query;
  return {
    ...readListQuery('trace', workspace, query),
    ...(name !== undefined && { name }),
    ...(status !== undefined && { status }),
    ...(minDurationMs !== undefined && { minDurationNano: durationNano(minDurationMs) }),
  };
}

function durationNano(ms: number): bigint {
  const nanos = Math.round(ms * 1e6);
  return nanos >= MAX_DURATION_NANO ? 2n ** 63n - 1n : BigInt(nanos);
}

/** What fails after the head was sent can only cut the answer off: the log is where it shows. */
function body(
  trace: StoredTrace,
  format: 'json' | 'otlp',
  onError: (error: unknown) => void,
): string | ReturnType<typeof streamPieces> {
  const pieces = format === 'otlp' ? renderOtlpTrace(trace) : renderTrace(trace);
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
      const trace = await telemetry.getTrace(request.workspace, request.params.trace_id);
      const failed = (error: unknown) => reportFailure(events, request, apiError(error));
      return reply.type(JSON_TYPE).send(body(requireFound(trace, 'Trace'), request.query.format, failed));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/traces/:trace_id/spans/:span_id',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'One span',
      params: spanParameters,
      response: { 200: spanSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const { trace_id, span_id } = request.params;
      const span = requireFound(await telemetry.getSpan(request.workspace, trace_id, span_id), 'Span');
      return reply.type(JSON_TYPE).send(renderSpan(span, createSharedText()));
    },
  });
};
