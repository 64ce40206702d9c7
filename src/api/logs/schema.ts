import { z } from 'zod';
import { attributeMap, filterParameters, listParameters } from '../filters.js';
import { spanIdParameter, traceIdParameter } from '../ids.js';
import { MAX_BATCH_ITEMS } from '../native-body.js';
import {
  amountField,
  countField,
  formatField,
  guidField,
  metadataField,
  objectField,
  scalarField,
  spanIdField,
  statusCodeField,
  textField,
} from '../native-fields.js';
import { pageSchema } from '../paging.js';

const STATUSES = ['ok', 'error'] as const;

export const logBody = z
  .object({
    prompt_name: textField(128).meta({ description: 'Need not exist' }),
    version_tag: textField(64),
    provider: textField(64).optional(),
    model: textField(128).optional(),
    tokens_in: countField().optional(),
    tokens_out: countField().optional(),
    latency_ms: countField().optional(),
    cost_usd: amountField().optional(),
    ollama_options: objectField().optional(),
    ollama_keep_alive: textField(16).optional(),
    ollama_format: formatField().optional(),
    metadata: metadataField().optional(),
    status: z.enum(STATUSES).optional(),
    error_code: scalarField(256).optional(),
    http_status: statusCodeField().optional(),
    run_id: textField(128).optional(),
    trace_id: guidField('Of the trace that the call belongs to').optional(),
    span_id: spanIdField('Of the span that made the call').optional(),
  })
  .meta({ id: 'NewLog' });

export const logBodies = z.union([logBody, z.array(logBody).min(1).max(MAX_BATCH_ITEMS)]);

export const LOG_EXAMPLE = {
  prompt_name: 'welcome',
  version_tag: '1.0.0',
  provider: 'openai',
  model: 'gpt-4o-mini',
  tokens_in: 120,
  tokens_out: 35,
  latency_ms: 840,
  cost_usd: 0.00021,
  metadata: { user: 'u-17' },
};

export const acceptedSchema = z
  .union([
    z.object({ id: z.int(), status: z.literal('accepted') }),
    z.object({ ids: z.array(z.int()), accepted: z.int(), status: z.literal('accepted') }),
  ])
  .describe('Can be read; of an array or NDJSON, the ids in its order');

const filters = {
  prompt_name: z.string().min(1).optional(),
  version_tag: z.string().min(1).optional(),
  provider: z.string().min(1).optional(),
  model: z.string().min(1).optional(),
  status: z.enum(STATUSES).optional(),
  error_code: z.string().min(1).optional(),
  run_id: z.string().min(1).optional(),
  trace_id: traceIdParameter().optional(),
  span_id: spanIdParameter().optional(),
  metadata: attributeMap.optional(),
};

export const listNativeLogsQuery = z.object({ ...listParameters, ...filters });
export const nativeLogFilters = z.object({ ...filterParameters, ...filters });

const MAX_LOG_ID = Number.MAX_SAFE_INTEGER;

export const logParameters = z.object({
  id: z
    .string()
    .refine((text) => /^\d{1,16}$/.test(text) && Number(text) <= MAX_LOG_ID, 'must be an id')
    .transform(Number)
    .meta({ description: 'As POST /v1/logs has answered it', examples: ['1'] }),
});

export const nativeLogSchema = z
  .object({
    id: z.int(),
    prompt_name: z.string().nullable().describe('null of an OTLP record that only calls itself a log, as version_tag'),
    version_tag: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).describe('{} when there is none'),
    provider: z.string().nullable(),
    model: z.string().nullable(),
    tokens_in: z.number().nullable(),
    tokens_out: z.number().nullable(),
    latency_ms: z.number().nullable(),
    cost_usd: z.number().nullable(),
    ollama_options: z.record(z.string(), z.unknown()).nullable(),
    ollama_keep_alive: z.string().nullable(),
    ollama_format: z.string().nullable().describe('JSON text of an object'),
    workspace_id: z.string(),
    created_at: z.int().describe('Unix seconds'),
    status: z.enum(STATUSES),
    error_code: z.string().nullable(),
    http_status: z.int().nullable(),
    run_id: z.string().nullable(),
    trace_id: z.string().nullable(),
    span_id: z.string().nullable(),
    time: z.int().describe('Unix milliseconds'),
  })
  .meta({ id: 'Log' });

export const nativeLogPageSchema = pageSchema(nativeLogSchema);
