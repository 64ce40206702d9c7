import { z } from 'zod';
import { MAX_TRACE_SPANS } from '../../store/telemetry/telemetry.js';
import { listParameters } from '../filters.js';
import { spanIdParameter, traceIdParameter } from '../ids.js';
import {
  attributesSchema,
  countSchema,
  createdAtSchema,
  formatParameter,
  resourceSchema,
  scopeSchema,
  spanIdSchema,
  traceIdSchema,
  unixMillisSchema,
  unixNanoSchema,
} from '../telemetry-schema.js';

export const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export const STATUSES = ['unset', 'ok', 'error'] as const;

export const listTracesQuery = z.object({
  ...listParameters,
  name: z.string().min(1).optional().meta({ description: "The root span's name" }),
  status: z
    .enum(['ok', 'error'])
    .optional()
    .meta({ description: 'error: at least one span has status error; ok: none has' }),
  min_duration_ms: z.coerce.number().min(0).optional(),
});

export const traceParameters = z.object({ trace_id: traceIdParameter() });
export const traceQuery = z.object({ format: formatParameter });
export const spanParameters = z.object({ trace_id: traceIdParameter(), span_id: spanIdParameter() });

const times = {
  start_time: unixMillisSchema,
  end_time: unixMillisSchema,
  start_time_unix_nano: unixNanoSchema,
  end_time_unix_nano: unixNanoSchema,
  duration_ms: z.number().min(0),
};

export const traceItemSchema = z
  .object({
    trace_id: traceIdSchema,
    name: z.string().describe('Of the root span, or of the earliest span while no root has come'),
    status: z.enum(['ok', 'error']),
    ...times,
    span_count: countSchema,
    error_count: countSchema,
    services: z.array(z.string()),
    created_at: createdAtSchema,
  })
  .meta({ id: 'TraceItem' });

const eventSchema = z.looseObject({
  time_unix_nano: z.string(),
  name: z.string(),
  attributes: attributesSchema,
  dropped_attributes_count: countSchema,
});

const linkSchema = z.looseObject({
  trace_id: z.string(),
  span_id: z.string(),
  trace_state: z.string(),
  attributes: attributesSchema,
  dropped_attributes_count: countSchema,
  flags: z.int(),
});

export const spanSchema = z
  .object({
    trace_id: traceIdSchema,
    span_id: spanIdSchema,
    parent_id: spanIdSchema.nullable(),
    name: z.string(),
    kind: z.enum(KINDS),
    status: z.enum(STATUSES),
    status_message: z.string(),
    ...times,
    trace_state: z.string(),
    flags: z.int(),
    attributes: attributesSchema,
    events: z.array(eventSchema),
    links: z.array(linkSchema),
    dropped_attributes_count: countSchema,
    dropped_events_count: countSchema,
    dropped_links_count: countSchema,
    resource: resourceSchema,
    service: z.string().describe('service.name of the resource'),
    scope: scopeSchema,
    created_at: createdAtSchema,
  })
  .meta({ id: 'Span' });

export const traceSchema = z
  .object({
    ...traceItemSchema.shape,
    spans_truncated: z
      .boolean()
      .optional()
      .describe(`true: "spans" has the first ${MAX_TRACE_SPANS} only; "span_count" is of all`),
    spans: z.array(spanSchema),
  })
  .meta({ id: 'Trace' });

export const tracesDataSchema = z
  .strictObject({ resourceSpans: z.array(z.unknown()) })
  .describe('format=otlp: a TracesData message of OTLP/JSON');
