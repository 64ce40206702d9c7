/** What lists of generations ask of the store. */
import type { z } from 'zod';
import type { GenerationQuery } from '../../store/telemetry/generations.js';
import { COUNTING, readPaging } from '../paging.js';
import { validationError } from '../validation.js';
import { type countGenerationsQuery, type listGenerationsQuery, MAX_ITEMS_WITH_MESSAGES } from './schema.js';

type Filters = z.infer<typeof countGenerationsQuery>;
type ListFilters = z.infer<typeof listGenerationsQuery>;

const MAX_INT64 = 2 ** 63;
const PICODOLLARS = 1e12;
const NANOS_PER_MS = 1e6;

function scaled(value: number, factor: number): bigint {
  const product = Math.round(value * factor);
  return product >= MAX_INT64 ? 2n ** 63n - 1n : BigInt(product);
}

/** Without the members that nobody asked for. */
function given<Value extends object>(value: Value): { [key in keyof Value]: Exclude<Value[key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}

function optionally<In, Out>(value: In | undefined, convert: (value: In) => Out): Out | undefined {
  return value === undefined ? undefined : convert(value);
}

function filtersOf(workspace: string, query: Filters): Omit<GenerationQuery, 'limit'> {
  const picodollars = (value: number) => scaled(value, PICODOLLARS);
  const nanos = (value: number) => scaled(value, NANOS_PER_MS);
  return {
    workspace,
    ...given({
      fromUnixNano: query.from,
      toUnixNano: query.to,
      kinds: query.kind,
      model: query.model,
      provider: query.provider,
      promptName: query.prompt_name,
      promptVersion: query.version_tag,
      sessionId: query.session_id,
      userId: query.user_id,
      environment: query.environment,
      traceId: query.trace_id,
      isError: query.error,
      isPriced: query.priced,
      counted: query.counted,
      minPicodollars: optionally(query.min_cost_usd, picodollars),
      maxPicodollars: optionally(query.max_cost_usd, picodollars),
      minTokens: query.min_tokens,
      maxTokens: query.max_tokens,
      minDurationNano: optionally(query.min_duration_ms, nanos),
      maxDurationNano: optionally(query.max_duration_ms, nanos),
      text: query.search,
    }),
  } as Omit<GenerationQuery, 'limit'>;
}

/** Throws VALIDATION_FAILED for what only shows between parameters. */
export function readGenerationQuery(workspace: string, query: ListFilters): GenerationQuery {
  if (query.include === 'messages' && query.limit > MAX_ITEMS_WITH_MESSAGES)
    throw validationError([`"limit" must be less than or equal to ${MAX_ITEMS_WITH_MESSAGES} with messages`]);
  const { order } = query;
  return { ...filtersOf(workspace, query), ...readPaging('generation', query), ...(order && { order }) };
}

export function readGenerationCount(workspace: string, query: Filters): GenerationQuery {
  return { ...filtersOf(workspace, query), ...COUNTING };
}
