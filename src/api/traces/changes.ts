/** Native requests that write traces and spans. Each is answered when what it wrote can be read. */
import type { NativeIntake, SpanBody } from '../../model/native.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema } from '../errors.js';
import { idempotencyHeaders } from '../idempotency.js';
import {
  type BodyReaderOptions,
  mediaType,
  NDJSON_TYPES,
  readItems,
  readNativeBody,
  readOne,
  registerUnreadBodies,
} from '../native-body.js';
import { nativeRequest, sendAnswer } from '../native-request.js';
import type { NativeRoute } from '../native-route.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import {
  CHANGES_EXAMPLE,
  createdSpansSchema,
  createdTraceSchema,
  SPAN_EXAMPLE,
  spanBodies,
  spanBody,
  spanChanges,
  TRACE_EXAMPLE,
  TRACED_SPAN_EXAMPLE,
  traceBody,
  tracedSpanBodies,
  tracedSpanBody,
  updatedSpanSchema,
} from './bodies.js';
import { spanParameters, traceParameters } from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };
const consumes = ['application/json', ...NDJSON_TYPES];

/** On the path that it shares with OTLP. */
export function createTraces(intake: NativeIntake): NativeRoute {
  return {
    summary: 'Declare a trace',
    body: traceBody,
    example: TRACE_EXAMPLE,
    response: { 201: createdTraceSchema },
    lines: false,
    answer: async (request, reply, body) => {
      const trace = readOne(traceBody, body);
      return sendAnswer(reply, await intake.createTrace(nativeRequest(request, body), trace));
    },
  };
}

/** A declaration without spans, or spans without one. */
async function isThere(telemetry: TelemetryReader, workspace: string, traceId: Uint8Array): Promise<boolean> {
  return (await telemetry.listSpans({ workspace, traceId, limit: 1, offset: 0 })) !== undefined;
}

export interface TraceChangesOptions {
  telemetry: TelemetryReader;
  intake: NativeIntake;
  bodies: BodyReaderOptions;
}

export const traceChangesPlugin: ApiPlugin<TraceChangesOptions> = async (app, { telemetry, intake, bodies }) => {
  registerUnreadBodies(app);

  app.route({
    method: 'POST',
    url: '/v1/traces/:trace_id/spans',
    config: { scope: 'write', ownBody: true, answersWithBatch: true, example: SPAN_EXAMPLE },
    schema: {
      tags: ['traces'],
      summary: 'Store spans of a trace: one, an array, or one a line (NDJSON)',
      consumes,
      headers: idempotencyHeaders,
      params: traceParameters,
      body: spanBodies,
      response: { 201: createdSpansSchema, ...errors },
    },
    handler: async (request, reply) => {
      const body = await readNativeBody(bodies, request, reply);
      const { items, batch } = readItems(spanBody, body, mediaType(request));
      const { text } = request.params.trace_id;
      const spans = items.map((span): SpanBody => ({ ...span, trace_id: text }));
      return sendAnswer(reply, await intake.createSpans(nativeRequest(request, body), spans, { batch }));
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/spans',
    config: { scope: 'write', ownBody: true, answersWithBatch: true, example: TRACED_SPAN_EXAMPLE },
    schema: {
      tags: ['traces'],
      summary: 'Store spans of any traces: one, an array, or one a line (NDJSON)',
      consumes,
      headers: idempotencyHeaders,
      body: tracedSpanBodies,
      response: { 201: createdSpansSchema, ...errors },
    },
    handler: async (request, reply) => {
      const body = await readNativeBody(bodies, request, reply);
      const { items, batch } = readItems(tracedSpanBody, body, mediaType(request));
      return sendAnswer(reply, await intake.createSpans(nativeRequest(request, body), items, { batch }));
    },
  });

  app.route({
    method: 'PATCH',
    url: '/v1/traces/:trace_id/spans/:span_id',
    config: { scope: 'write', ownBody: true, answersWithBatch: true, example: CHANGES_EXAMPLE },
    schema: {
      tags: ['traces'],
      summary: 'Change a span, as one that runs is closed',
      params: spanParameters,
      headers: idempotencyHeaders,
      body: spanChanges,
      response: { 200: updatedSpanSchema, ...errors },
    },
    handler: async (request, reply) => {
      const body = await readNativeBody(bodies, request, reply);
      const changes = readOne(spanChanges, body);
      const place = { traceId: request.params.trace_id.id, spanId: request.params.span_id.id };
      const find = async () =>
        requireFound(await telemetry.getSpan(request.workspace, place.traceId, place.spanId), 'Span');
      return sendAnswer(reply, await intake.reviseSpan(nativeRequest(request, body), place, changes, find));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/traces/:trace_id',
    config: { scope: 'write', ownBody: true, answersWithBatch: true },
    schema: {
      tags: ['traces'],
      summary: 'Delete a trace with its spans',
      params: traceParameters,
      headers: idempotencyHeaders,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id: traceId, text } = request.params.trace_id;
      const asked = nativeRequest(request, await readNativeBody(bodies, request, reply));
      const exists = () => isThere(telemetry, request.workspace, traceId);
      return sendAnswer(reply, await intake.deleteTrace(asked, { traceId, text }, exists));
    },
  });
};
