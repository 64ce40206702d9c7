/** Published prices of models, from `@pydantic/genai-prices`: nobody else knows that package. */
import { calcPrice, findProvider, type ModelPrice, type PriceCalculation } from '@pydantic/genai-prices';
import type { PricedType } from '../model/generation.js';
import type { Rates } from '../store/control/prices.js';
import { readRate, writeRate } from './decimal.js';

/** Rates from a number of input tokens on: the whole request has those of the highest band that it reaches. */
export interface Band {
  /** Reached by more input tokens than these; -1: by all. */
  aboveInputTokens: number;
  rates: Rates;
}

export interface CatalogEntry {
  provider: string;
  model: string;
  /** By `aboveInputTokens`, the first for all. */
  bands: readonly Band[];
  /** Milliseconds of the UTC day at which the price of this model may become another, on any day. */
  changesAtMs: readonly number[];
}

export interface Catalog {
  readonly version: string;
  /** At that time. undefined: no price is known, which is not zero. */
  find(provider: string, model: string, timeUnixMs: number): CatalogEntry | undefined;
}

/** Of the package; a test holds it to what is installed. */
export const CATALOG_VERSION = '0.1.8';

/** The package has prices of more (pages, seconds, messages), which no span tells of. */
const PRICE_KEYS: Record<PricedType, string> = {
  input: 'input_mtok',
  output: 'output_mtok',
  cacheRead: 'cache_read_mtok',
  cacheWrite: 'cache_write_mtok',
  reasoning: 'output_reasoning_mtok',
  inputAudio: 'input_audio_mtok',
  outputAudio: 'output_audio_mtok',
  cacheWrite1h: 'cache_write_1h_mtok',
  cacheReadAudio: 'cache_audio_read_mtok',
  inputImage: 'input_image_mtok',
  outputImage: 'output_image_mtok',
  webSearches: 'web_searches_kcount',
  requests: 'requests_kcount',
};

/** The package lists them without any price. */
const FREE_MODEL = /:free$/;
const FREE: ModelPrice = { input_mtok: 0, output_mtok: 0 };

/** Names of OpenTelemetry, LiteLLM and others that the package doesn't know, or takes for another provider. */
const PROVIDERS: Readonly<Record<string, string>> = {
  'aws.bedrock': 'aws',
  bedrock: 'aws',
  bedrock_converse: 'aws',
  'azure.ai.inference': 'azure',
  'azure.ai.openai': 'azure',
  'az.ai.inference': 'azure',
  'az.ai.openai': 'azure',
  azure_openai: 'azure',
  azure_ai: 'azure',
  gcp: 'google',
  'gcp.gen_ai': 'google',
  'gcp.gemini': 'google',
  'gcp.vertex_ai': 'google',
  vertex_ai: 'google',
  gemini: 'google',
  x_ai: 'x-ai',
  xai: 'x-ai',
  mistral_ai: 'mistral',
  mistralai: 'mistral',
  moonshot_ai: 'moonshotai',
  moonshot: 'moonshotai',
  together_ai: 'together',
  fireworks_ai: 'fireworks',
};

/** They pass calls on to whom the model's name says. An SDK for OpenAI's API talks to whoever speaks it, too. */
const ROUTERS = new Set([
  '',
  'openai',
  'openrouter',
  'litellm',
  'langchain',
  'langgraph',
  'vercel',
  'gateway',
  'portkey',
]);

/** `us.anthropic.claude-…`, `amazon.nova-…`: Bedrock's spelling, wherever it comes from. */
const BEDROCK = /^(?:[a-z]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\.[a-z]/;

const DAY_MS = 86_400_000;

interface Candidate {
  /** undefined: whoever is known for the model. */
  provider: string | undefined;
  model: string;
}

function ownValue(names: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(names, key) ? names[key] : undefined;
}

/** The package's id of it. */
function homeOf(provider: string): string | undefined {
  if (provider === '' || provider === 'litellm') return undefined;
  return ownValue(PROVIDERS, provider) ?? findProvider({ providerId: provider })?.id;
}

/** A vendor before the slash; other words there are organisations of open models, which anybody may serve. */
function vendorOf(prefix: string): string | undefined {
  const named = ownValue(PROVIDERS, prefix);
  if (named !== undefined) return named;
  return findProvider({ providerId: prefix })?.id === prefix ? prefix : undefined;
}

/** What the model may be listed as, the surest first. A tag (`llama3:8b`) is that of a model which somebody runs himself. */
function* candidatesOf(provider: string, model: string): Iterable<Candidate> {
  const home = homeOf(provider);
  const slash = model.indexOf('/');
  const rest = model.slice(slash + 1);
  const bare = model.slice(model.lastIndexOf('/') + 1);
  if (home !== undefined) yield { provider: home, model };
  if (home !== undefined && slash > 0) yield { provider: home, model: rest };
  if (home !== undefined && bare !== rest) yield { provider: home, model: bare };
  const isRouter = ROUTERS.has(provider);
  const vendor = slash > 0 && isRouter ? vendorOf(model.slice(0, slash)) : undefined;
  if (vendor !== undefined) yield { provider: vendor, model: rest };
  if ((home !== undefined || isRouter) && BEDROCK.test(bare)) yield { provider: 'aws', model: bare };
  if (isRouter && slash < 0 && !model.includes(':')) yield { provider: undefined, model };
}

/** Asked for no usage: what it would cost is reckoned here, not in the package's floats. It throws on faults of its data. */
function look({ provider, model }: Candidate, timeUnixMs: number): PriceCalculation | undefined {
  try {
    const options = { timestamp: new Date(timeUnixMs), ...(provider !== undefined && { providerId: provider }) };
    return calcPrice({}, model, options) ?? undefined;
  } catch {
    return undefined;
  }
}

function startsOf(price: ModelPrice): number[] {
  const starts = Object.values(PRICE_KEYS).flatMap((key) => {
    const value = price[key];
    return typeof value === 'object' ? value.tiers.map(({ start }) => start) : [];
  });
  return [-1, ...new Set(starts.sort((a, b) => a - b))];
}

function rateAbove(value: ModelPrice[string], start: number): number | undefined {
  if (typeof value !== 'object') return value;
  const reached = value.tiers.filter((tier) => tier.start <= start).sort((a, b) => b.start - a.start);
  return reached[0]?.price ?? value.base;
}

function ratesAbove(price: ModelPrice, start: number): Rates {
  const rates: Rates = {};
  for (const [type, key] of Object.entries(PRICE_KEYS) as [PricedType, string][]) {
    const rate = rateAbove(price[key], start);
    const picodollars = rate === undefined ? undefined : readRate(rate);
    if (picodollars !== undefined) rates[type] = writeRate(picodollars);
  }
  return rates;
}

/** Its times are like `16:30:00Z`, or with an offset. */
function millisecondsOfDay(time: string): number {
  const ms = Date.parse(`1970-01-01T${time}`);
  return ((ms % DAY_MS) + DAY_MS) % DAY_MS;
}

function changesOf({ prices }: PriceCalculation['model']): number[] {
  if (!Array.isArray(prices)) return [];
  return prices.flatMap(({ constraint }) =>
    constraint?.type === 'time_of_date' ? [constraint.start_time, constraint.end_time].map(millisecondsOfDay) : [],
  );
}

function priceOf({ model: { id }, model_price: price }: PriceCalculation): ModelPrice {
  return FREE_MODEL.test(id) && Object.keys(price).length === 0 ? FREE : price;
}

function entryOf(found: PriceCalculation): CatalogEntry {
  const { provider, model } = found;
  const price = priceOf(found);
  const bands = startsOf(price).map((start) => ({ aboveInputTokens: start, rates: ratesAbove(price, start) }));
  return { provider: provider.id, model: model.id, bands, changesAtMs: changesOf(model) };
}

/** Some models are listed without a price of tokens: by the second, by the page. */
function isPriced(found: PriceCalculation): boolean {
  const price = priceOf(found);
  return price.input_mtok !== undefined || price.output_mtok !== undefined;
}

export const catalog: Catalog = {
  version: CATALOG_VERSION,
  find(provider, model, timeUnixMs) {
    for (const candidate of candidatesOf(provider.trim().toLowerCase(), model.trim().toLowerCase())) {
      const found = look(candidate, timeUnixMs);
      if (found && isPriced(found)) return entryOf(found);
    }
    return undefined;
  },
};
