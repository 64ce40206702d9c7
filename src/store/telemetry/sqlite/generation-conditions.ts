/** Filters of a list of generations as SQL on row `x`. */
import type { GenerationQuery } from '../generations.js';
import type { Conditions } from './conditions.js';

const MAX_INTEGER = 2n ** 63n - 1n;
/** Absent kinds leave out the rows that say only whose a trace is. */
const LISTED = "d.kind <> 'span'";

/** Of descriptions `d`: a block where none matches need not be looked through. */
export function describedBy(query: GenerationQuery): Conditions {
  const parameters: Record<string, unknown> = {};
  return { sql: described(query, parameters), parameters };
}

/** Descriptions are few: those that match are found once, not joined to each row. */
export function generationConditions(query: GenerationQuery): Conditions {
  const own: Conditions = { sql: [], parameters: {} };
  const add = (sql: string, parameters: Record<string, unknown> = {}) => {
    own.sql.push(sql);
    Object.assign(own.parameters, parameters);
  };
  const { sql, parameters } = describedBy(query);
  add(`x.description_id IN (SELECT d.id FROM descriptions d WHERE ${sql.join(' AND ')})`, parameters);
  if (query.isError !== undefined) add('x.is_error = @isError', { isError: Number(query.isError) });
  if (query.isPriced !== undefined) add(query.isPriced ? 'x.picodollars IS NOT NULL' : 'x.is_unpriced = 1');
  if (query.counted !== undefined) add('x.counted = @counted', { counted: Number(query.counted) });
  const between = (
    column: string,
    name: string,
    min: bigint | number | undefined,
    max: bigint | number | undefined,
  ) => {
    if (min !== undefined) add(`${column} >= @min${name}`, { [`min${name}`]: bound(min) });
    if (max !== undefined) add(`${column} <= @max${name}`, { [`max${name}`]: bound(max) });
  };
  between('x.picodollars', 'Cost', query.minPicodollars, query.maxPicodollars);
  between('coalesce(x.input_tokens, 0) + coalesce(x.output_tokens, 0)', 'Tokens', query.minTokens, query.maxTokens);
  between('x.duration_nano', 'Duration', query.minDurationNano, query.maxDurationNano);
  return own;
}

/** A larger number can't be bound, and is no row's. */
function bound(value: bigint | number): bigint | number {
  if (typeof value === 'number') return value;
  if (value > MAX_INTEGER) return MAX_INTEGER;
  return value < -MAX_INTEGER ? -MAX_INTEGER : value;
}

function described(query: GenerationQuery, parameters: Record<string, unknown>): string[] {
  const conditions = [LISTED];
  if (query.kinds) {
    conditions[0] = 'd.kind IN (SELECT value FROM json_each(@kinds))';
    parameters.kinds = JSON.stringify(query.kinds);
  }
  if (query.model !== undefined) {
    conditions.push('(d.response_model = @model OR d.request_model = @model)');
    parameters.model = query.model;
  }
  const columns = {
    provider: query.provider,
    prompt_name: query.promptName,
    prompt_version: query.promptVersion,
    environment: query.environment,
  };
  for (const [column, value] of Object.entries(columns)) {
    if (value === undefined) continue;
    conditions.push(`d.${column} = @${column}`);
    parameters[column] = value;
  }
  return conditions;
}
