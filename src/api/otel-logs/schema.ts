import { z } from 'zod';
import { filterParameters, listParameters } from '../filters.js';
import { spanIdParameter, traceIdParameter } from '../ids.js';
import { pageSchema } from '../paging.js';
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

export const logFilters = z.object({
  ...filterParameters,
  trace_id: traceIdParameter().optional(),
  span_id: spanIdParameter().optional(),
  min_severity: z.coerce
    .number()
    .int()
    .min(1)
    .max(24)
    .optional()
    .meta({ description: 'OTLP severity number: 1 trace, 5 debug, 9 info, 13 warn, 17 error, 21 fatal' }),
  event_name: z.string().min(1).optional(),
  body: z.string().min(1).optional().meta({ description: "A part of the body's text, in any case" }),
});

export const listLogsQuery = z.object({ ...listParameters, ...logFilters.shape, format: formatParameter });

export const logRecordSchema = z
  .object({
    time: unixMillisSchema.describe('Of the event, or of its observation when the event has no time'),
    time_unix_nano: unixNanoSchema.describe('0 when the record has none'),
    observed_time_unix_nano: unixNanoSchema,
    severity_number: z.int(),
    severity_text: z.string(),
    event_name: z.string(),
    body: z.unknown(),
    attributes: attributesSchema,
    dropped_attributes_count: countSchema,
    flags: z.int(),
    trace_id: traceIdSchema.nullable(),
    span_id: spanIdSchema.nullable(),
    resource: resourceSchema,
    service: z.string(),
    scope: scopeSchema,
    created_at: createdAtSchema,
  })
  .meta({ id: 'LogRecord' });

export const logPageSchema = pageSchema(logRecordSchema);

export const logsDataSchema = z
  .strictObject({ resourceLogs: z.array(z.unknown()) })
  .describe('format=otlp: a LogsData message of OTLP/JSON; the Link header leads to the next page');
