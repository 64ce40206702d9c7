import { z } from 'zod';

const countSchema = z.int().nullable();

const flowSchema = z
  .object({
    requests: countSchema,
    items: countSchema.describe('Spans, log records and data points'),
    bytes: countSchema,
    signals: z.object({ traces: z.int(), logs: z.int(), metrics: z.int() }).nullable().describe('The items, by signal'),
  })
  .describe('Since the start; null: not counted here');

const stageSchema = z.object({
  kind: z.enum(['receiver', 'buffer', 'store', 'audit', 'exporter']),
  name: z.string(),
  status: z.string().describe('ok, or what is wrong: full, disk-full, failed, failing'),
  in: flowSchema,
  out: flowSchema,
  refused: flowSchema.nullable().describe('Sent back to be tried again; null where nothing can be'),
  dropped: z.record(z.string(), z.int()).describe('Items that go no further, by why'),
  lag: z
    .object({ requests: z.int(), items: z.int(), bytes: z.int(), oldest_age_ms: z.number() })
    .nullable()
    .describe('What is here now; null where nothing waits'),
  details: z.record(z.string(), z.number()),
  last_error: z
    .object({ message: z.string(), at: z.int().describe('Unix seconds') })
    .nullable()
    .describe('In full for a key of all workspaces, else its kind: it may quote data'),
});

export const pipelineSchema = z
  .object({ started_at: z.int().describe('Unix seconds: all counts are from then on'), stages: z.array(stageSchema) })
  .meta({
    id: 'Pipeline',
    examples: [
      {
        started_at: 1_760_000_000,
        stages: [
          {
            kind: 'exporter',
            name: 'tempo',
            status: 'failing',
            in: { requests: 120, items: 48_000, bytes: 12_000_000, signals: null },
            out: { requests: null, items: 40_000, bytes: null, signals: { traces: 40_000, logs: 0, metrics: 0 } },
            refused: null,
            dropped: { refused_by_backend: 0, lagged_too_far: 0, left_out: 2000 },
            lag: { requests: 20, items: 6000, bytes: 1_500_000, oldest_age_ms: 4210 },
            details: { in_flight_requests: 1, max_lag_bytes: 536_870_912, retries: 7 },
            last_error: { message: 'HTTP 503: overloaded', at: 1_760_000_100 },
          },
        ],
      },
    ],
  });

export type StageAnswer = z.infer<typeof stageSchema>;
export type FlowAnswer = z.infer<typeof flowSchema>;
