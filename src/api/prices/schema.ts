import { z } from 'zod';
import type { PricedType } from '../../model/generation.js';
import { isCounted } from '../../pricing/cost.js';
import { isExactRate, RATE_DECIMALS, readRate, writeRate } from '../../pricing/decimal.js';
import { canonicalPattern } from '../../pricing/pattern.js';
import { MAX_MODEL_CHARACTERS } from '../../pricing/price-book.js';
import { canonicalProvider, canonicalTier } from '../../pricing/spelling.js';
import { PRICE_SORTS, type Rates } from '../../store/control/prices.js';
import { REPRICING_STATUSES } from '../../store/control/repricings.js';
import { pageSchema, pagingParameters } from '../paging.js';
import { PRICED_TYPES, RATE_NAMES, type RateName } from '../priced-types.js';
import { sortParameter } from '../sorting.js';
import { parseTime, timeParameter } from '../time.js';

const MAX_PATTERN_CHARACTERS = 256;
const MAX_NAME_CHARACTERS = 128;
/** A dollar a token. */
const MAX_USD_PER_MILLION_TOKENS = 1_000_000;
const MAX_RATE = readRate(MAX_USD_PER_MILLION_TOKENS)!;
const NANO_PER_MS = 1_000_000n;

const TYPES = Object.fromEntries(PRICED_TYPES.map((type) => [RATE_NAMES[type], type])) as Record<RateName, PricedType>;
const NAMES = Object.values(RATE_NAMES);

/** One optional member for each. */
function ofEach<Field extends z.ZodType>(field: (name: RateName) => Field) {
  return Object.fromEntries(NAMES.map((name) => [name, field(name).optional()])) as Record<
    RateName,
    z.ZodOptional<Field>
  >;
}

/** What a rate is of. */
function unitOf(name: RateName): string {
  return isCounted(TYPES[name]) ? 'thousand' : 'million tokens';
}

function rateFault(rate: string | number): string | undefined {
  const picodollars = readRate(rate);
  if (picodollars === undefined) return 'must be a number of USD, from 0, or one as text';
  if (picodollars > MAX_RATE) return `must be less than or equal to ${MAX_USD_PER_MILLION_TOKENS}`;
  return isExactRate(rate) ? undefined : `must have at most ${RATE_DECIMALS} decimals`;
}

const rateField = z.union([z.string().max(64), z.number()]).transform((rate, context) => {
  const message = rateFault(rate);
  if (message === undefined) return writeRate(readRate(rate)!);
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const ratesField = z
  .strictObject(
    ofEach((name) =>
      rateField.meta({
        description: `USD per ${unitOf(name)}, at most ${RATE_DECIMALS} decimals; as text or as a number`,
      }),
    ),
  )
  .refine(({ input, output }) => input !== undefined || output !== undefined, { error: 'must have input or output' })
  .transform((given): Rates => {
    const named = Object.entries(given).filter(([, rate]) => rate !== undefined);
    return Object.fromEntries(named.map(([name, rate]) => [TYPES[name as RateName], rate]));
  })
  .meta({
    description:
      'A part (cache, audio, images, reasoning) without a rate costs what its whole does, cache_write_1h what cache_write does, and cache_read_audio what cache_read does; tokens without any rate stay unpriced, searches and requests without one cost nothing. For a tier of a provider (batch, flex, priority), set a price with that service_tier',
  });

/** What can't be seen in a list can't be found in it. */
function printable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}
const CONTROL = { error: 'must not have control characters' };

const patternField = z
  .string()
  .min(1)
  .max(MAX_PATTERN_CHARACTERS)
  .refine(printable, CONTROL)
  .transform(canonicalPattern)
  .refine((pattern) => pattern !== '', { error: 'is not allowed to be empty' })
  .meta({ description: "A model's name in any case; * stands for any characters" });

const providerField = z
  .string()
  .max(MAX_NAME_CHARACTERS)
  .refine(printable, CONTROL)
  .transform(canonicalProvider)
  .meta({ description: "OpenTelemetry's name of it, such as openai or aws.bedrock; any when absent" });

const tierField = z
  .string()
  .max(MAX_NAME_CHARACTERS)
  .refine(printable, CONTROL)
  .transform((tier) => (tier.trim() === '' ? '' : canonicalTier(tier)))
  .meta({ description: 'standard, flex, priority, batch, …; any when absent' });

const validFromField = z
  .union([z.string(), z.number()])
  .transform((time, context) => {
    const nanos = parseTime(String(time));
    if (nanos !== undefined) return Number(nanos / NANO_PER_MS);
    context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time or unix milliseconds' });
    return z.NEVER;
  })
  .meta({ description: 'ISO 8601 (UTC when it has no offset), or unix milliseconds; ever since when absent' });

const orNone = <Field extends z.ZodType>(field: Field) => field.nullish().transform((value) => value ?? undefined);

const keyFields = {
  model_pattern: patternField,
  provider: orNone(providerField),
  service_tier: orNone(tierField),
  valid_from: orNone(validFromField),
};

export const putPriceBody = z.strictObject({ ...keyFields, rates: ratesField });

export const PRICE_EXAMPLE = {
  model_pattern: 'gpt-4o*',
  provider: 'azure.ai.openai',
  valid_from: '2026-01-01T00:00:00Z',
  service_tier: 'flex',
  rates: { input: '2.25', cache_read: '1.125', output: '9', web_searches: '10' },
};

export const priceKeyQuery = z.object(keyFields);

/** What is no number is the id of nothing. */
export const idParameters = z.object({ id: z.string().meta({ description: 'A number' }) });

export function readId(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export const priceFilters = z.object({
  model_pattern: patternField.optional().meta({ description: 'Exactly' }),
  provider: providerField.optional().meta({ description: 'Exactly; empty: those for any provider' }),
  service_tier: tierField.optional().meta({ description: 'Exactly; empty: those for any tier' }),
});

export const listPricesQuery = z.object({
  ...pagingParameters,
  ...priceFilters.shape,
  sort: sortParameter(PRICE_SORTS, '-created_at'),
});

export const effectiveQuery = z.object({
  model: z.string().min(1).max(MAX_MODEL_CHARACTERS).meta({ description: 'As the call names it' }),
  provider: z.string().max(MAX_NAME_CHARACTERS).optional(),
  service_tier: z.string().max(MAX_NAME_CHARACTERS).optional(),
  at: timeParameter('When the call begins; now when absent').optional(),
});

const time = z.iso.datetime();
const rates = z.object(ofEach((name) => z.string().describe(`USD per ${unitOf(name)}`)));

export const priceSchema = z
  .object({
    id: z.int(),
    revision: z.int().describe('1, and one more with each change of the rates'),
    model_pattern: z.string(),
    provider: z.string().nullable().describe('null: any'),
    service_tier: z.string().nullable().describe('null: any'),
    valid_from: time.nullable().describe('null: ever since'),
    rates,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Price' });

export const pricePageSchema = pageSchema(priceSchema);

export const effectivePriceSchema = z
  .object({
    model: z.string(),
    provider: z.string(),
    service_tier: z.string(),
    at: time,
    source: z.enum(['workspace', 'catalog']).nullable().describe('null: unpriced, which is not zero'),
    version: z.string().nullable().describe("Of the published list, or id and revision of the workspace's own price"),
    matched: z
      .object({ provider: z.string(), model: z.string(), service_tier: z.string() })
      .nullable()
      .describe('The entry that applies. A service_tier of "" is the standard one: published prices are of no other'),
    bands: z
      .array(z.object({ above_input_tokens: z.int().describe('-1: from the first token on'), rates }))
      .describe('A request has, as a whole, the rates of the highest band that its input tokens exceed'),
    why: z.string(),
    own_prices: z
      .array(priceSchema)
      .describe('All own prices that match and have begun, in the order in which they go before one another'),
  })
  .meta({ id: 'EffectivePrice' });

const rangeTime = z
  .union([z.string(), z.number()])
  .transform((text, context) => {
    const nanos = parseTime(String(text));
    if (nanos !== undefined) return nanos;
    context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time or unix milliseconds' });
    return z.NEVER;
  })
  .meta({ description: 'ISO 8601 (UTC when it has no offset), or unix milliseconds' });

export const repriceBody = z
  .strictObject({ from: rangeTime, to: rangeTime })
  .refine(({ from, to }) => from < to, { error: 'must be later than "from"', path: ['to'] });

export const REPRICE_EXAMPLE = { from: '2026-11-01T00:00:00Z', to: '2026-11-08T00:00:00Z' };

const status = z.enum(REPRICING_STATUSES);

export const startedRepricingSchema = z.object({ id: z.int(), status }).meta({ id: 'StartedRepricing' });

export const repricingSchema = z
  .object({
    id: z.int(),
    from: time,
    to: time,
    status: status.describe('running: now, or as soon as those before it are done'),
    examined: z.int().min(0).describe('Generations whose cost was computed so far'),
    changed: z.int().min(0).describe('Those that have another cost now'),
    error: z.string().nullable(),
    started_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Repricing' });

export const repricingFilters = z.object({ status: status.optional() });
export const listRepricingsQuery = z.object({ ...pagingParameters, ...repricingFilters.shape });
export const repricingPageSchema = pageSchema(repricingSchema);
