import { z } from 'zod';
import { GENERATION_KINDS } from '../../model/generation.js';
import { traceIdParameter } from '../ids.js';
import { pageSchema, pagingParameters } from '../paging.js';
import { countSchema, createdAtSchema, unixMillisSchema, unixNanoSchema } from '../telemetry-schema.js';
import { timeParameter } from '../time.js';
import { dollarsSchema, usageSchema } from '../usage-schema.js';
import { generationIdParameter } from './id.js';

const KINDS = GENERATION_KINDS.filter((kind) => kind !== 'span') as Exclude<
  (typeof GENERATION_KINDS)[number],
  'span'
>[];

/** What narrows lists of generations, and of nothing else, by name. */
const text = (description: string, example: string) =>
  z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({ description, examples: [example] });
const flag = (description: string) =>
  z
    .stringbool()
    .optional()
    .meta({ description, examples: ['true'] });
const amount = (description: string, example: number) =>
  z.coerce
    .number()
    .min(0)
    .optional()
    .meta({ description, examples: [example] });
const tokens = (example: number) =>
  z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Input and output together', examples: [example] });

const kindList = z
  .string()
  .transform((given) => given.split(','))
  .pipe(z.array(z.enum(KINDS)).min(1))
  .meta({ description: `One or several of ${KINDS.join(', ')}, with commas`, examples: ['llm,embedding'] });

const filters = {
  from: timeParameter('Not before').optional(),
  to: timeParameter('Before').optional(),
  kind: kindList.optional(),
  model: text('The model that answered, or that was asked', 'gpt-4o-mini'),
  provider: text('As gen_ai.provider.name has it: openai, anthropic, aws.bedrock, …', 'openai'),
  prompt_name: text('The prompt that it was made with', 'handbook/answer'),
  version_tag: text('The version of the prompt', '1.1.0'),
  session_id: text('Its own, or that of its trace', 's-17'),
  user_id: text('Its own, or that of its trace', 'u-3'),
  environment: text('deployment.environment.name', 'production'),
  trace_id: traceIdParameter().optional(),
  run_id: traceIdParameter().optional().meta({ description: 'Those of its trace, and native logs that name it' }),
  error: flag('Whether it failed'),
  priced: flag('Whether a price was found'),
  counted: flag('false: aggregates of agents, and further sightings of one call, which no sum has'),
  min_cost_usd: amount('Of the computed cost', 0.01),
  max_cost_usd: amount('Of the computed cost', 0.5),
  min_tokens: tokens(1000),
  max_tokens: tokens(100_000),
  min_duration_ms: amount('From start to end', 1500),
  max_duration_ms: amount('From start to end', 60_000),
  search: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .optional()
    .meta({
      description:
        'Words in any order, all of which stand in its messages; of messages that came as log events, in one event',
      examples: ['pump manual'],
    }),
};

export const listGenerationsQuery = z.object({
  ...pagingParameters,
  order: z.enum(['asc', 'desc']).optional().meta({ description: 'By start; newest first when it is absent' }),
  include: z
    .enum(['messages'])
    .optional()
    .meta({ description: 'messages: with what went in and what came out; "limit" is at most 20 then' }),
  ...filters,
});
export const countGenerationsQuery = z.object(filters);
export const generationParameters = z.object({ id: generationIdParameter() });

export const MAX_ITEMS_WITH_MESSAGES = 20;

const partSchema = z.looseObject({ type: z.string() });
const messageSchema = z
  .object({
    role: z.string(),
    parts: z.array(partSchema),
    name: z.string().optional(),
    finish_reason: z.string().optional(),
  })
  .meta({ id: 'GenerationMessage' });

const priceSchema = z.object({
  source: z.enum(['workspace', 'catalog']),
  version: z.string(),
  provider: z.string(),
  model: z.string().describe('The entry of the price list that matched'),
  service_tier: z.string(),
});

const conversationShape = {
  input: z.array(messageSchema),
  output: z.array(messageSchema),
  tools: z.array(z.unknown()),
  parameters: z.record(z.string(), z.unknown()),
  messages_truncated: z.boolean(),
};

const generationShape = {
  id: z.string(),
  source: z.enum(['span', 'log']),
  trace_id: z.string().nullable(),
  span_id: z.string().nullable(),
  kind: z.enum(KINDS),
  name: z.string(),
  service: z.string(),
  operation: z.string().nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable().describe('The model that answered, else the one that was asked'),
  request_model: z.string().nullable(),
  response_model: z.string().nullable(),
  response_id: z.string().nullable(),
  service_tier: z.string().nullable(),
  usage: usageSchema,
  counted: z.boolean().describe('false: an aggregate, or another sighting of a call that is counted already'),
  cost_usd: dollarsSchema.nullable().describe('null: no price was found, which is not zero'),
  price: priceSchema.nullable(),
  reported_cost_usd: dollarsSchema.nullable().describe('What the sender says it cost'),
  finish_reasons: z.array(z.string()),
  time_to_first_token_ms: z.number().nullable(),
  streaming: z.boolean().nullable(),
  prompt_name: z.string().nullable(),
  version_tag: z.string().nullable(),
  session_id: z.string().nullable(),
  user_id: z.string().nullable(),
  environment: z.string().nullable(),
  release: z.string().nullable(),
  tags: z.array(z.string()),
  agent_name: z.string().nullable(),
  workflow_name: z.string().nullable(),
  tool_name: z.string().nullable(),
  tool_call_id: z.string().nullable(),
  status: z.enum(['ok', 'error']),
  start_time: unixMillisSchema,
  start_time_unix_nano: unixNanoSchema,
  duration_ms: z.number(),
  mapping_warnings: z.array(z.string()).describe('What of its attributes could not be understood, and was left out'),
  created_at: createdAtSchema,
};

export const generationSchema = z
  .object({ ...generationShape, ...z.object(conversationShape).partial().shape })
  .meta({ id: 'Generation' });

export const oneGenerationSchema = z
  .object({
    ...generationShape,
    prompt: z
      .object({
        name: z.string(),
        version_tag: z.string().nullable(),
        registered: z.boolean().describe('The registry has that prompt, in that version if one is named'),
        by: z.enum(['name', 'hash']).describe('hash: it names none, and begins with the text of that version'),
      })
      .nullable()
      .describe('As the registry is now; prompt_name is what was known when it was stored'),
    ...conversationShape,
  })
  .meta({ id: 'GenerationWithMessages' });

export const generationPageSchema = pageSchema(generationSchema);

export const costSchema = z
  .object({
    id: z.string(),
    cost_usd: dollarsSchema.nullable().describe('null: unpriced'),
    reported_cost_usd: dollarsSchema.nullable(),
    counted: z.boolean(),
    price: priceSchema.nullable(),
    lines: z
      .array(
        z.union([
          z.object({
            token_type: z.string(),
            tokens: countSchema,
            usd_per_million_tokens: z.string(),
            cost_usd: dollarsSchema,
          }),
          z.object({
            billed: z.enum(['web_searches', 'requests']),
            count: countSchema,
            usd_per_thousand: z.string(),
            cost_usd: dollarsSchema,
          }),
        ]),
      )
      .describe('Their sum is cost_usd'),
    explanation: z.string(),
    notes: z.array(z.string()).describe('What the figure leaves out, or takes another rate for'),
  })
  .meta({ id: 'CostExplanation' });
