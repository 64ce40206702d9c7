import { z } from 'zod';

const portSchema = z.int().nullable();

export const healthSchema = z.object({
  status: z.literal('ok'),
  version: z.string(),
  ports: z.object({ api: portSchema, otlp_http: portSchema, otlp_grpc: portSchema }),
});

export const readySchema = z.object({ status: z.enum(['ready', 'starting', 'draining']) });

const checkSchema = z.enum(['ok', 'error']);

const consumerSchema = z.object({
  bytes: z.int(),
  items: z.int(),
  frames: z.int(),
  oldest_age_ms: z.number().describe('Of the oldest request that this consumer has not released'),
});

const exporterSchema = z.object({
  status: z.enum(['ok', 'failing']).describe('failing: its backend takes nothing now; its lag is among the consumers'),
  in_flight_requests: z.int(),
  max_lag_bytes: z.int().describe('Beyond this lag its oldest requests are dropped'),
  dropped_items: z.int().describe('Since the start'),
  last_error: z.object({ message: z.string(), at: z.int().describe('Unix seconds') }).nullable(),
});

export const deepHealthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  checks: z
    .object({
      sqlite: checkSchema.optional(),
      postgresql: checkSchema.optional(),
      writer: checkSchema.optional(),
      buffer: checkSchema,
    })
    .describe(
      'sqlite or postgresql: reads work; writer: batches are stored; buffer: requests are taken. Without a store (MODE=forward) there is buffer alone',
    ),
  dbType: z.enum(['sqlite', 'postgresql']).optional(),
  dbConnected: z.boolean().optional(),
  buffer: z.object({
    bytes: z.int(),
    max_bytes: z.int(),
    consumers: z.record(z.string(), consumerSchema),
  }),
  exporters: z
    .record(z.string(), exporterSchema)
    .optional()
    .describe('Where data is sent on to; one that fails does not make the gateway unhealthy'),
});

export type DeepHealth = z.infer<typeof deepHealthSchema>;
