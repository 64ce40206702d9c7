/**
 * What the Vercel AI SDK keeps in `ai.response.providerMetadata` alone: in version 5 the cache of Anthropic's models, which
 * its input count leaves out, as Anthropic's own does.
 */
import type { BilledType, TokenType } from '../../model/generation.js';
import type { Draft } from '../draft.js';
import { isObject, type JsonObject, objectOf } from '../json.js';
import { type Apply, billed, memberOf } from '../rule.js';
import { countOf } from '../value.js';

interface Place {
  input: string;
  cacheRead: readonly string[];
  cacheWrite: readonly string[];
  billed: readonly (readonly [path: string, type: BilledType])[];
}

/** Paths within the metadata; `input` is the provider's own count, without the cache. */
const PLACES: Readonly<Record<string, Place>> = {
  anthropic: {
    input: 'usage.input_tokens',
    cacheRead: ['usage.cache_read_input_tokens', 'cacheReadInputTokens'],
    cacheWrite: ['usage.cache_creation_input_tokens', 'cacheCreationInputTokens'],
    billed: [
      ['usage.cache_creation.ephemeral_1h_input_tokens', 'cacheWrite1h'],
      ['usage.server_tool_use.web_search_requests', 'webSearches'],
    ],
  },
  bedrock: {
    input: 'usage.inputTokens',
    cacheRead: ['usage.cacheReadInputTokens'],
    cacheWrite: ['usage.cacheWriteInputTokens'],
    billed: [],
  },
};

function exclusiveProvider(provider: string, place: Place): Apply {
  return (draft, value, attribute) => {
    const metadata = objectOf(value)?.[provider];
    if (isObject(metadata)) addCache(draft, metadata, place, attribute);
  };
}

function addCache(draft: Draft, metadata: JsonObject, place: Place, attribute: string): void {
  const own = memberOf(metadata, place.input);
  const isInclusive = typeof own === 'number' && draft.usage.input !== undefined && own < draft.usage.input;
  draft.isInputApart ??= !isInclusive;
  setCount(draft, 'cacheRead', metadata, place.cacheRead, attribute);
  setCount(draft, 'cacheWrite', metadata, place.cacheWrite, attribute);
  for (const [path, type] of place.billed) {
    const amount = memberOf(metadata, path);
    if (amount !== undefined) billed(type)(draft, amount, `${attribute} ${path}`);
  }
}

function setCount(
  draft: Draft,
  type: TokenType,
  metadata: JsonObject,
  paths: readonly string[],
  attribute: string,
): void {
  for (const path of paths) {
    const tokens = draft.usage[type] ?? countOf(memberOf(metadata, path), `${attribute} ${path}`, draft.warnings);
    if (tokens !== undefined) draft.usage[type] = tokens;
  }
}

export const EXCLUSIVE_PROVIDERS: readonly Apply[] = Object.entries(PLACES).map(([provider, place]) =>
  exclusiveProvider(provider, place),
);
