/** Tokens and money, as documented and as written, wherever they stand. */
import { z } from 'zod';
import { TOKEN_TYPES, type Usage } from '../model/generation.js';
import { dollarsText } from '../model/money.js';
import type { Sums } from '../store/telemetry/generations.js';
import { snakeCase } from './json-text.js';
import { countSchema } from './telemetry-schema.js';

export const dollarsSchema = z.number().describe('US dollars, exact as it is written');

export const usageSchema = z
  .object({
    input: countSchema,
    output: countSchema,
    total: countSchema,
    cache_read: countSchema,
    cache_write: countSchema,
    reasoning: countSchema,
    input_audio: countSchema,
    output_audio: countSchema,
  })
  .partial()
  .describe('Tokens. input has those of the cache and of audio, output those of reasoning and of audio')
  .meta({ id: 'TokenUsage' });

/** What sums of calls have in common. */
export const sumsShape = {
  requests: countSchema.describe('Calls of models, each counted once'),
  errors: countSchema,
  unpriced: countSchema.describe('Requests with tokens for which no price was found: what cost_usd lacks'),
  usage: usageSchema,
  cost_usd: dollarsSchema,
};

/** Only what is known: a part that nobody counted is not zero. */
export function renderUsage(usage: Usage): Record<string, number> {
  const known = TOKEN_TYPES.filter((type) => usage[type] !== undefined);
  const { input, output } = usage;
  return {
    ...Object.fromEntries(known.map((type) => [snakeCase(type), usage[type]!])),
    ...((input !== undefined || output !== undefined) && { total: (input ?? 0) + (output ?? 0) }),
  };
}

/** A number with all its digits, which JSON.stringify would round. */
export function renderDollars(picodollars: bigint | undefined): string {
  return picodollars === undefined ? 'null' : dollarsText(picodollars);
}

/** Members of the sums, without braces. */
export function renderSums({ requests, errors, unpriced, usage, picodollars }: Sums): string {
  const members = JSON.stringify({ requests, errors, unpriced, usage: renderUsage(usage) });
  return `${members.slice(1, -1)},"cost_usd":${dollarsText(picodollars)}`;
}
