import { z } from 'zod';
import { filterParameters, listParameters } from '../filters.js';
import { pageSchema } from '../paging.js';
import {
  attributesSchema,
  createdAtSchema,
  formatParameter,
  resourceSchema,
  scopeSchema,
  unixMillisSchema,
  unixNanoSchema,
} from '../telemetry-schema.js';

export const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'] as const;

export const metricFilters = z.object({
  ...filterParameters,
  name: z.string().min(1).optional().meta({ description: "The metric's name" }),
});

export const listMetricPointsQuery = z.object({ ...listParameters, ...metricFilters.shape, format: formatParameter });

export const metricPointSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    unit: z.string(),
    type: z.enum(['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary']),
    temporality: z.enum(TEMPORALITIES),
    monotonic: z.boolean(),
    metadata: attributesSchema,
    time: unixMillisSchema,
    time_unix_nano: unixNanoSchema,
    start_time_unix_nano: unixNanoSchema,
    flags: z.int(),
    attributes: attributesSchema,
    value_type: z.enum(['int', 'double']).nullable(),
    value: z
      .union([z.number(), z.object({ $int: z.string() }), z.object({ $double: z.string() })])
      .nullable()
      .describe('Of a gauge or sum'),
    distribution: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('Of a histogram or summary: count, sum, bucket_counts, …'),
    exemplars: z.array(z.unknown()),
    resource: resourceSchema,
    service: z.string(),
    scope: scopeSchema,
    created_at: createdAtSchema,
  })
  .meta({ id: 'MetricPoint' });

export const metricPageSchema = pageSchema(metricPointSchema);

export const metricsDataSchema = z
  .strictObject({ resourceMetrics: z.array(z.unknown()) })
  .describe('format=otlp: a MetricsData message of OTLP/JSON; the Link header leads to the next page');
