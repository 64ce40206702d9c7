import { z } from 'zod';
import { STATUS_NAMES } from '../../model/native-names.js';
import { MAX_TRACE_SPANS } from '../../store/telemetry/telemetry.js';
import { filterParameters, listParameters } from '../filters.js';
import { writtenSpanId, writtenTraceId } from '../ids.js';
import { pageSchema } from '../paging.js';
import {
  attributesSchema,
  countSchema,
  createdAtSchema,
  formatParameter,
  resourceSchema,
  scopeSchema,
  unixMillisSchema,
  unixNanoSchema,
} from '../telemetry-schema.js';

export const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

const traceFilters = {
  name: z.string().min(1).optional().meta({ description: "The root span's name" }),
  status: z
    .enum(['ok', 'error'])
    .optional()
    .meta({ description: 'error: at least one span has status error; ok: none has' }),
  min_duration_ms: z.coerce.number().min(0).optional(),
  prompt_name: z.string().min(1).optional().meta({ description: 'As the trace was declared' }),
  version_tag: z.string().min(1).optional().meta({ description: 'As the trace was declared' }),
};

export const listTracesQuery = z.object({ ...listParameters, ...traceFilters });
export const countTracesQuery = z.object({ ...filterParameters, ...traceFilters });

const spanFilters = {
  name: z.string().min(1).optional(),
  kind: z.enum(KINDS).optional(),
  status: z.enum(STATUS_NAMES).optional().meta({ description: 'unset has those that are running as well' }),
};

export const listSpansQuery = z.object({
  ...listParameters,
  order: z.enum(['asc', 'desc']).default('asc').meta({ description: 'By start time' }),
  ...spanFilters,
});
export const countSpansQuery = z.object({ ...filterParameters, ...spanFilters });

export const traceParameters = z.object({ trace_id: writtenTraceId() });
export const traceQuery = z.object({ format: formatParameter });
export const spanParameters = z.object({ trace_id: writtenTraceId(), span_id: writtenSpanId() });

const writtenIdSchema = z.string().describe('As its client wrote it: hex, or a GUID');
const metadataSchema = z.record(z.string(), z.unknown());

const times = {
  start_time: unixMillisSchema,
  end_time: unixMillisSchema,
  start_time_unix_nano: unixNanoSchema,
  end_time_unix_nano: unixNanoSchema,
  duration_ms: z.number().min(0),
};

export const traceItemSchema = z
  .object({
    trace_id: z.string().describe('As its client wrote it; of one trace, as the path does'),
    prompt_name: z.string().nullable(),
    version_tag: z.string().nullable(),
    metadata: metadataSchema.describe('{} when nobody declared the trace'),
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
    trace_id: z.string().describe('As the path writes it'),
    span_id: writtenIdSchema,
    parent_id: writtenIdSchema.nullable(),
    name: z.string(),
    kind: z.enum(KINDS),
    status: z.enum(STATUS_NAMES).describe('running: a span that has not ended'),
    status_message: z.string(),
    ...times,
    start_time: unixMillisSchema.nullable().describe('null when its client left it out'),
    end_time: unixMillisSchema.nullable().describe('null when its client left it out, or it runs'),
    metadata: metadataSchema.describe('The attributes as plain JSON, without those that stand for fields'),
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

export const spanPageSchema = pageSchema(spanSchema);

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
