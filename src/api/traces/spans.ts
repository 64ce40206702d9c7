/** Spans of one trace, read as they are stored, whichever door they came through. */
import type { SpanQuery, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { createSharedText } from '../json-text.js';
import { countPageSchema, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { readSpanCount, readSpanQuery } from './query.js';
import { renderSpan } from './render.js';
import {
  countSpansQuery,
  listSpansQuery,
  spanPageSchema,
  spanParameters,
  spanSchema,
  traceParameters,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

async function listSpans(telemetry: TelemetryReader, query: SpanQuery) {
  return requireFound(await telemetry.listSpans(query), 'Trace');
}

export const spansPlugin: ApiPlugin<{ telemetry: TelemetryReader }> = async (app, { telemetry }) => {
  app.route({
    method: 'GET',
    url: '/v1/traces/:trace_id/spans',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'List the spans of a trace, by start time',
      params: traceParameters,
      querystring: listSpansQuery,
      response: { 200: spanPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { trace_id: traceId } = request.params;
      const page = await listSpans(telemetry, readSpanQuery(request.workspace, traceId, request.query));
      const shared = createSharedText();
      const text = renderPage('span', request.query, page, (span) => renderSpan(span, traceId.text, shared));
      return reply.type(JSON_TYPE).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/traces/:trace_id/spans/count',
    config: { scope: 'read' },
    schema: {
      tags: ['traces'],
      summary: 'Count the spans of a trace',
      params: traceParameters,
      querystring: countSpansQuery,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const query = readSpanCount(request.workspace, request.params.trace_id, request.query);
      return reply.type(JSON_TYPE).send(renderCount(await listSpans(telemetry, query)));
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
      response: { 200: spanSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { trace_id: traceId, span_id: spanId } = request.params;
      const span = requireFound(await telemetry.getSpan(request.workspace, traceId.id, spanId.id), 'Span');
      return reply.type(JSON_TYPE).send(renderSpan(span, traceId.text, createSharedText()));
    },
  });
};
