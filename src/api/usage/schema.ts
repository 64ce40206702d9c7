import { z } from 'zod';
import { GatewayError } from '../../errors.js';
import { DIMENSIONS, GRAINS, MAX_USAGE_ROWS } from '../../store/telemetry/generations.js';
import { countSchema } from '../telemetry-schema.js';
import { timeParameter } from '../time.js';
import { dollarsSchema, sumsShape } from '../usage-schema.js';

const WINDOWS = { '7d': 7, '30d': 30, '90d': 90 } as const;
type Window = keyof typeof WINDOWS;
const DAY_MS = 86_400_000;

export const windowParameters = {
  window: z
    .string()
    .default('30d')
    .meta({ description: `${Object.keys(WINDOWS).join(', ')}: whole days (UTC) up to and with today` }),
};

export interface Range {
  fromUnixMs: number;
  toUnixMs: number;
}

/** Throws BAD_REQUEST, as clients know it, for another window. */
export function rangeOf(window: string, nowUnixMs: number): Range {
  if (!Object.hasOwn(WINDOWS, window)) {
    const names = Object.keys(WINDOWS).join(', ');
    throw new GatewayError('BAD_REQUEST', `Invalid window parameter. Must be one of: ${names}`);
  }
  const today = Math.floor(nowUnixMs / DAY_MS) * DAY_MS;
  return { fromUnixMs: today - WINDOWS[window as Window] * DAY_MS, toUnixMs: today + DAY_MS };
}

const windowed = {
  window: z.string(),
  start: z.string().describe('First day'),
  end: z.string().describe('Last day'),
};

const rate = z.number().min(0).max(1).nullable().describe('null when there was nothing to divide by');
const latency = z.number().nullable();

export const timeSeriesQuery = z.object(windowParameters);
export const timeSeriesSchema = z
  .object({
    ...windowed,
    daily: z.array(
      z.object({
        date: z.string(),
        request_count: countSchema,
        total_tokens: countSchema,
        total_tokens_in: countSchema,
        total_tokens_out: countSchema,
        total_cost_usd: dollarsSchema,
        unpriced_count: countSchema,
        avg_latency_ms: latency,
        p50_latency_ms: latency,
        p95_latency_ms: latency,
        p99_latency_ms: latency,
        error_rate: rate.describe('Failed runs of all runs'),
        log_error_rate: rate.describe('Failed requests of all requests'),
      }),
    ),
  })
  .meta({ id: 'TimeSeries' });

/** Clients know these as brought within their bounds, where other lists refuse them; what is no number is the default. */
const clamped = (most: number, otherwise: number) =>
  z
    .string()
    .default(String(otherwise))
    .transform((text) => (/^-?\d+$/.test(text) ? Math.min(Math.max(Number(text), 1), most) : otherwise))
    .meta({ description: `1 to ${most}: what is beyond is brought within, what is no number is ${otherwise}` });
const clampedPaging = { page: clamped(10_000, 1), limit: clamped(100, 50) };

export const promptUsageQuery = z.object({ ...windowParameters, limit: clampedPaging.limit });
export const promptUsageSchema = z
  .object({
    ...windowed,
    prompts: z.array(
      z.object({
        prompt_name: z.string(),
        version_tag: z.string().nullable(),
        request_count: countSchema,
        total_tokens_in: countSchema,
        total_tokens_out: countSchema,
        total_cost_usd: dollarsSchema,
        avg_latency_ms: latency,
        error_rate: rate,
      }),
    ),
  })
  .meta({ id: 'PromptUsage' });

export const evaluationsQuery = z.object({
  ...windowParameters,
  evaluation_id: z
    .string()
    .optional()
    .meta({ description: 'Of an evaluation of this API: no result that is here has one' }),
  name: z.string().min(1).max(512).optional().meta({ description: 'gen_ai.evaluation.name' }),
});
const score = z.number();
export const evaluationsSchema = z
  .object({
    ...windowed,
    evaluations: z.array(
      z.object({
        evaluation_id: z.null().describe('Results that come as telemetry belong to no evaluation of this API'),
        name: z.string(),
        prompt_name: z.string().nullable(),
        trend: z.array(
          z.object({
            date: z.string(),
            avg_score: score,
            result_count: countSchema,
            min_score: score,
            max_score: score,
          }),
        ),
      }),
    ),
    truncated: z.boolean().describe('There were more results than are looked at: the oldest are left out'),
  })
  .meta({ id: 'Evaluations' });

export const activityQuery = z.object({
  ...windowParameters,
  ...clampedPaging,
});
export const activitySchema = z
  .object({
    ...windowed,
    summary: z.object({
      total_runs: countSchema,
      total_traces: countSchema.describe('As many at least: counted up to a bound'),
      total_logs: countSchema.describe('Requests: calls of models, from spans and logs'),
      total_evaluations: countSchema.describe('Results of evaluations that came as telemetry; counted up to a bound'),
      active_prompts: countSchema,
      failed_runs: countSchema,
    }),
    recent_runs: z.looseObject({ items: z.array(z.unknown()) }).describe('A page, as GET /v1/runs answers it'),
  })
  .meta({ id: 'Activity' });

const dimensionList = z
  .string()
  .transform((given) => given.split(','))
  .pipe(z.array(z.enum(DIMENSIONS)).min(1))
  .meta({
    description: `One or several of ${DIMENSIONS.join(', ')}, with commas; user and session each stand alone`,
    examples: ['provider,model'],
  });

const dimension = (description: string, example: string) =>
  z
    .string()
    .max(512)
    .optional()
    .meta({ description, examples: [example] });
const filters = {
  model: dimension('The model that answered, or that was asked where none says so', 'gpt-4o-mini-2024-07-18'),
  provider: dimension('As gen_ai.provider.name has it', 'openai'),
  prompt: dimension('Name of the prompt', 'handbook/answer'),
  version: dimension('Version of the prompt', '1.1.0'),
  environment: dimension('deployment.environment.name', 'production'),
  user: dimension('Those that took part as this user; with no other filter but the time', 'u-3'),
  session: dimension('Those of this session; with no other filter but the time', 's-17'),
} satisfies Record<(typeof DIMENSIONS)[number], z.ZodType>;

export const usageQuery = z.object({
  from: timeParameter('Not before').optional(),
  to: timeParameter('Before; now when it is absent').optional(),
  step: z
    .enum(Object.keys(GRAINS) as (keyof typeof GRAINS)[])
    .default('day')
    .meta({ description: 'from and to are widened to whole steps (UTC)' }),
  series: z.stringbool().default(true).meta({ description: 'false: one row for the whole range (and group)' }),
  group_by: dimensionList.optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_USAGE_ROWS)
    .default(MAX_USAGE_ROWS)
    .meta({ description: 'Rows at most: the first by time, and of one time those that cost most', examples: [100] }),
  ...filters,
});

export const usageSchema = z
  .object({
    from: z.string(),
    to: z.string(),
    step: z.string(),
    rows: z.array(
      z.object({
        time: z.string().optional().describe('Start of the step'),
        group: z.record(z.string(), z.string()).describe("'' where the spans say nothing"),
        ...sumsShape,
        avg_duration_ms: latency,
        p50_duration_ms: latency,
        p95_duration_ms: latency,
        p99_duration_ms: latency,
      }),
    ),
  })
  .meta({ id: 'Usage' });

export const unpricedSchema = z
  .object({
    ...windowed,
    models: z.array(z.object({ provider: z.string(), model: z.string(), requests: countSchema })),
  })
  .meta({ id: 'UnpricedModels' });
