import type { z } from 'zod';
import type { Explanation, Question } from '../../pricing/price-book.js';
import type { OwnPrice, Rates } from '../../store/control/prices.js';
import type { Repricing } from '../../store/control/repricings.js';
import { PRICED_TYPES, RATE_NAMES } from '../priced-types.js';
import type { effectivePriceSchema, priceSchema, repricingSchema } from './schema.js';

const NANO_PER_MS = 1_000_000n;

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

export function renderRates(rates: Rates): z.infer<typeof priceSchema>['rates'] {
  const given = PRICED_TYPES.filter((type) => rates[type] !== undefined);
  return Object.fromEntries(given.map((type) => [RATE_NAMES[type], rates[type]]));
}

export function renderPrice(price: OwnPrice): z.infer<typeof priceSchema> {
  return {
    id: price.id,
    revision: price.revision,
    model_pattern: price.pattern,
    provider: price.provider || null,
    service_tier: price.serviceTier || null,
    valid_from: price.validFromUnixMs === 0 ? null : timeOf(price.validFromUnixMs),
    rates: renderRates(price.rates),
    created_at: timeOf(price.createdTimeUnixMs),
    updated_at: timeOf(price.updatedTimeUnixMs),
  };
}

function reasonOf({ bands, own }: Explanation): string {
  const source = bands[0]?.price.source;
  if (source === 'workspace') {
    const others = own.length > 1 ? `, and goes before ${own.length - 1} other(s) that match` : '';
    return `The workspace's own price ${own[0]!.id} matches${others}: a service tier goes before a provider, a provider before a longer pattern, that before a later valid_from`;
  }
  const none =
    own.length === 0 ? "None of the workspace's own prices matches" : "The workspace's own prices don't apply";
  return source === 'catalog'
    ? `${none}: the published price applies`
    : `${none}, and no published price is known: unpriced`;
}

export function renderEffective(question: Question, told: Explanation): z.infer<typeof effectivePriceSchema> {
  const { requestModel: model, provider, serviceTier, startTimeUnixNano } = question;
  const price = told.bands[0]?.price;
  return {
    model,
    provider,
    service_tier: serviceTier,
    at: timeOf(Number(startTimeUnixNano / NANO_PER_MS)),
    source: price?.source ?? null,
    version: price?.version ?? null,
    matched: price ? { provider: price.provider, model: price.model, service_tier: price.serviceTier } : null,
    bands: told.bands.map((band) => ({
      above_input_tokens: band.aboveInputTokens,
      rates: renderRates(band.price.rates),
    })),
    why: reasonOf(told),
    own_prices: told.own.map(renderPrice),
  };
}

export function renderRepricing(job: Repricing): z.infer<typeof repricingSchema> {
  return {
    id: job.id,
    from: timeOf(job.fromUnixMs),
    to: timeOf(job.toUnixMs),
    status: job.status,
    examined: job.examined,
    changed: job.changed,
    error: job.error ?? null,
    started_at: timeOf(job.startedTimeUnixMs),
    finished_at: job.finishedTimeUnixMs === undefined ? null : timeOf(job.finishedTimeUnixMs),
  };
}
