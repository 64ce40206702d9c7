/**
 * Langfuse's `usage_details` and `cost_details`. The name of a bucket is free, and the object has two meanings: what a
 * provider answered, whose counts hold their parts, and disjoint buckets, which is how Langfuse itself adds them up. Its
 * Python drop-in sends the former, its JavaScript drop-in and people the latter.
 */
import type { BilledType, TokenType } from '../../model/generation.js';
import type { Draft } from '../draft.js';
import { isObject, type JsonObject } from '../json.js';
import { type Apply, billed, memberOf } from '../rule.js';
import { countOf, moneyOf, readObject } from '../value.js';

/** In the order in which they are asked. */
const BUCKETS: Readonly<Record<TokenType, readonly string[]>> = {
  input: ['input', 'input_tokens', 'prompt_tokens', 'promptTokens', 'inputTokens'],
  output: ['output', 'output_tokens', 'completion_tokens', 'completionTokens', 'outputTokens'],
  cacheRead: [
    'cache_read_input_tokens',
    'input_cached_tokens',
    'input_cache_read',
    'input_cached',
    'cache_read',
    'cached_tokens',
    'prompt_tokens_details.cached_tokens',
    'input_tokens_details.cached_tokens',
    'input_token_details.cache_read',
  ],
  cacheWrite: [
    'cache_creation_input_tokens',
    'input_cache_creation',
    'input_cache_write',
    'cache_creation',
    'cache_write',
    'cache_write_input_tokens',
    'input_token_details.cache_creation',
  ],
  reasoning: [
    'output_reasoning_tokens',
    'output_reasoning',
    'reasoning_tokens',
    'reasoning',
    'completion_tokens_details.reasoning_tokens',
    'output_tokens_details.reasoning_tokens',
    'output_token_details.reasoning',
  ],
  inputAudio: [
    'input_audio_tokens',
    'input_audio',
    'prompt_tokens_details.audio_tokens',
    'input_tokens_details.audio_tokens',
    'input_token_details.audio',
  ],
  outputAudio: [
    'output_audio_tokens',
    'output_audio',
    'completion_tokens_details.audio_tokens',
    'output_tokens_details.audio_tokens',
    'output_token_details.audio',
  ],
};
const TYPES = Object.keys(BUCKETS) as TokenType[];
const BILLED_BUCKETS: readonly (readonly [name: string, type: BilledType])[] = [
  ['cache_creation.ephemeral_1h_input_tokens', 'cacheWrite1h'],
  ['input_cache_creation_1h', 'cacheWrite1h'],
  ['prompt_tokens_details.cached_tokens_details.audio_tokens', 'cacheReadAudio'],
  ['input_token_details.cached_tokens_details.audio_tokens', 'cacheReadAudio'],
  ['server_tool_use.web_search_requests', 'webSearches'],
  ['web_search_requests', 'webSearches'],
];
const TOTALS = ['total', 'total_tokens', 'totalTokens'];

export function langfuseUsage(): Apply {
  return (draft, value, attribute) => {
    const details = readObject(value, attribute, draft.warnings);
    if (!details) return;
    for (const type of TYPES) {
      const tokens = draft.usage[type] ?? countIn(details, BUCKETS[type], draft, attribute);
      if (tokens !== undefined) draft.usage[type] = tokens;
    }
    for (const [name, type] of BILLED_BUCKETS) {
      const amount = memberOf(details, name);
      if (amount !== undefined) billed(type)(draft, amount, `${attribute} ${name}`);
    }
    draft.totalTokens ??= countIn(details, TOTALS, draft, attribute);
    const isApart = isDisjoint(draft, details);
    draft.isInputApart ??= isApart;
    draft.isOutputApart ??= isApart;
  };
}

function countIn(details: JsonObject, names: readonly string[], draft: Draft, attribute: string): number | undefined {
  for (const name of names) {
    const tokens = countOf(memberOf(details, name), `${attribute} ${name}`, draft.warnings);
    if (tokens !== undefined) return tokens;
  }
  return undefined;
}

/** The sum tells, where there is one; details within an object of their own are a provider's. */
function isDisjoint({ usage, totalTokens }: Draft, details: JsonObject): boolean {
  const whole = (usage.input ?? 0) + (usage.output ?? 0);
  const parts = (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0) + (usage.reasoning ?? 0);
  const audio = (usage.inputAudio ?? 0) + (usage.outputAudio ?? 0);
  if (totalTokens === whole + parts + audio) return true;
  if (totalTokens === whole) return false;
  return !Object.values(details).some(isObject) && !isFlattened(details);
}

/** A provider's names, with the names of its details beside them: `prompt_tokens_details.cached_tokens`. */
function isFlattened(details: JsonObject): boolean {
  return Object.keys(details).some((name) => name.includes('_details.'));
}

/** The sum, or what all of it sums up to. */
export function langfuseCost(): Apply {
  return (draft, value, attribute) => {
    const details = readObject(value, attribute, draft.warnings);
    if (!details || draft.reportedCost !== undefined) return;
    const sum = moneyOf(details.total, `${attribute} total`, draft.warnings);
    draft.reportedCost = sum ?? sumOf(details, draft, attribute);
  };
}

const MAX_BUCKETS = 100;

function sumOf(details: JsonObject, draft: Draft, attribute: string): bigint | undefined {
  const names = Object.keys(details).slice(0, MAX_BUCKETS);
  const costs = names.map((name) => moneyOf(details[name], `${attribute} ${name}`, draft.warnings));
  const known = costs.filter((cost) => cost !== undefined);
  return known.length > 0 ? known.reduce((sum, cost) => sum + cost, 0n) : undefined;
}
