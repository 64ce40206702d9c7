/** Against a second reckoning: fractions of integers over the package's own data, which knows nothing of ours. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { waitForUpdate } from '@pydantic/genai-prices';
import { describe, expect, it } from 'vitest';
import { BILLED_TYPES, type Billed, type PricedType, TOKEN_TYPES, type Usage } from '../../src/model/generation.js';
import { CATALOG_VERSION, catalog } from '../../src/pricing/catalog.js';
import { linesOf, unpricedOf } from '../../src/pricing/cost.js';
import { createPriceBook } from '../../src/pricing/price-book.js';
import { callOf, NOW_UNIX_MS, ownPrice } from './fixture.js';

/** mulberry32: the same numbers in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomNumbers(20261121);
const below = (bound: number) => Math.floor(random() * bound);

/** Of a double as it is printed, rounded to six decimals by comparing remainders. */
function picodollarsPerToken(rate: number): bigint {
  const [mantissa = '0', exponent = '0'] = String(rate).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const numerator = BigInt(whole + fraction) * 10n ** 6n * 10n ** BigInt(Math.max(0, Number(exponent)));
  const denominator = 10n ** BigInt(fraction.length + Math.max(0, -Number(exponent)));
  const floor = numerator / denominator;
  const remainder = numerator - floor * denominator;
  const up = remainder * 2n > denominator || (remainder * 2n === denominator && floor % 2n === 1n);
  return floor + (up ? 1n : 0n);
}

type Listed = number | { base: number; tiers: { start: number; price: number }[] } | undefined;

function listedRate(value: Listed, input: number): number | undefined {
  if (typeof value !== 'object') return value;
  let rate = value.base;
  let reached = -1;
  for (const { start, price } of value.tiers) {
    if (input > start && start > reached) [rate, reached] = [price, start];
  }
  return rate;
}

/** [what is charged, keys of its rate and of those that stand in] */
function charges(usage: Required<Usage>, billed: Required<Billed>): [number, ...string[]][] {
  const { input, output, cacheRead, cacheWrite, reasoning, inputAudio, outputAudio } = usage;
  const { cacheWrite1h, cacheReadAudio, inputImage, outputImage } = billed;
  const hour = Math.min(cacheWrite1h, cacheWrite);
  const heard = Math.min(cacheReadAudio, cacheRead, inputAudio);
  const fresh = Math.max(input - (cacheRead + cacheWrite + inputAudio - heard), 0);
  const plain = Math.max(output - reasoning - outputAudio, 0);
  return [
    [Math.max(fresh - inputImage, 0), 'input_mtok'],
    [cacheRead - heard, 'cache_read_mtok', 'input_mtok'],
    [heard, 'cache_audio_read_mtok', 'cache_read_mtok', 'input_mtok'],
    [cacheWrite - hour, 'cache_write_mtok', 'input_mtok'],
    [hour, 'cache_write_1h_mtok', 'cache_write_mtok', 'input_mtok'],
    [inputAudio - heard, 'input_audio_mtok', 'input_mtok'],
    [inputImage, 'input_image_mtok', 'input_mtok'],
    [Math.max(plain - outputImage, 0), 'output_mtok'],
    [reasoning, 'output_reasoning_mtok', 'output_mtok'],
    [outputAudio, 'output_audio_mtok', 'output_mtok'],
    [outputImage, 'output_image_mtok', 'output_mtok'],
  ];
}

function reckon(prices: Record<string, Listed>, usage: Required<Usage>, billed: Required<Billed>): bigint | undefined {
  let total: bigint | undefined;
  for (const [tokens, ...keys] of charges(usage, billed)) {
    if (tokens === 0) continue;
    const rate = keys.map((key) => listedRate(prices[key], usage.input)).find((found) => found !== undefined);
    if (rate === undefined) return undefined;
    total = (total ?? 0n) + BigInt(tokens) * picodollarsPerToken(rate);
  }
  if (total === undefined && billed.webSearches * (listedRate(prices.web_searches_kcount, 0) ?? 0) === 0)
    return undefined;
  const each = (key: string) => picodollarsPerToken(listedRate(prices[key], usage.input) ?? 0) * 1000n;
  return (total ?? 0n) + BigInt(billed.webSearches) * each('web_searches_kcount') + each('requests_kcount');
}

/** Small and large ones, with parts of their whole and now and then more than it. */
function randomUsage(): Required<Usage> {
  const scale = 10 ** below(8);
  const input = below(scale * 3);
  const output = below(scale);
  const part = (whole: number) => (below(3) === 0 ? below(whole + (below(10) === 0 ? 5 : 1)) : 0);
  return {
    input,
    output,
    cacheRead: part(input),
    cacheWrite: part(input),
    inputAudio: part(input >> 2),
    reasoning: part(output),
    outputAudio: part(output >> 2),
  };
}

/** Of half of the calls something. */
function randomBilled({ input, output, cacheRead, cacheWrite }: Required<Usage>): Required<Billed> {
  const some = (bound: number) => (below(2) === 0 ? below(bound + 1) : 0);
  return {
    cacheWrite1h: some(cacheWrite + 3),
    cacheReadAudio: some(cacheRead + 3),
    inputImage: some(input >> 2),
    outputImage: some(output >> 2),
    webSearches: some(9),
  };
}

/** Without prices of dates and hours, which have tests of their own, and found under its own name. */
const providers = (await waitForUpdate())!;
const models = providers.flatMap((provider) =>
  provider.models.flatMap(({ id, prices }) => {
    if (Array.isArray(prices)) return [];
    // A free model is listed without any price.
    const listed = (id.endsWith(':free') ? { input_mtok: 0, output_mtok: 0 } : prices) as Record<string, Listed>;
    const found = catalog.find(provider.id, id, NOW_UNIX_MS);
    return found?.provider === provider.id && found.model === id
      ? [{ provider: provider.id, model: id, prices: listed }]
      : [];
  }),
);

describe('the cost of a thousand random usages', () => {
  const book = createPriceBook([]);
  const cases = Array.from({ length: 1000 }, () => {
    const usage = randomUsage();
    return { ...models[below(models.length)]!, usage, billed: randomBilled(usage) };
  });

  it('is of many models, with tiers, caches and audio among them', () => {
    expect(models.length).toBeGreaterThan(1000);
    const keys = new Set(cases.flatMap(({ prices }) => Object.keys(prices)));
    for (const key of ['cache_read_mtok', 'cache_write_mtok', 'input_audio_mtok']) expect(keys).toContain(key);
    const tiered = cases.filter(({ prices }) => Object.values(prices).some((price) => typeof price === 'object'));
    expect(tiered.length).toBeGreaterThan(20);
  });

  it('equals the exact sum that is reckoned otherwise', () => {
    let priced = 0;
    for (const { provider, model, prices, usage, billed } of cases) {
      const cost = book.costOf('default', callOf({ provider, requestModel: model, usage, billed }));
      const expected = reckon(prices, usage, billed);
      expect([provider, model, usage, billed, cost?.picodollars]).toEqual([provider, model, usage, billed, expected]);
      if (cost) priced++;
    }
    expect(priced).toBeGreaterThan(900);
  });

  it('is explained by lines that add up to it, each token once', () => {
    for (const { provider, model, usage, billed } of cases) {
      const cost = book.costOf('default', callOf({ provider, requestModel: model, usage, billed }));
      if (!cost) continue;
      const lines = linesOf(cost, { usage, billed });
      expect(lines.reduce((sum, { picodollars }) => sum + picodollars, 0n)).toBe(cost.picodollars);
      expect(lines.every(({ count }) => count > 0)).toBe(true);
    }
  });

  it('equals it for own prices with any six decimals, too', () => {
    const keys: Record<PricedType, string> = {
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
    const all: PricedType[] = [...TOKEN_TYPES, ...BILLED_TYPES, 'requests'];
    for (let round = 0; round < 300; round++) {
      const types = all.filter((type) => type === 'input' || type === 'output' || below(2) === 0);
      const numbers = types.map((type) => [type, below(10 ** (1 + below(9))) / 10 ** 6] as const);
      const rates = Object.fromEntries(numbers.map(([type, rate]) => [type, rate.toFixed(6)]));
      const listed = Object.fromEntries(numbers.map(([type, rate]) => [keys[type], rate]));
      const usage = randomUsage();
      const billed = randomBilled(usage);
      const cost = createPriceBook([ownPrice({ rates })]).costOf('default', callOf({ usage, billed }));
      expect([rates, usage, cost?.picodollars]).toEqual([rates, usage, reckon(listed, usage, billed)]);
    }
  });
});

describe('parts of a usage', () => {
  const of = (rates: Record<string, string>, usage: Usage, billed?: Billed) => {
    const cost = createPriceBook([ownPrice({ rates })]).costOf('default', callOf({ usage, billed }))!;
    return linesOf(cost, { usage, billed }).map(({ type, count, picodollars }) => [type, count, picodollars]);
  };

  it('are priced as the published list says: searches, fees by the request, an hour in the cache, nothing', () => {
    const priced = (provider: string, requestModel: string, billed?: Billed) => {
      const paid = { usage: { input: 1000, cacheWrite: 600, output: 100 }, billed };
      const cost = createPriceBook([]).costOf('default', callOf({ provider, requestModel, ...paid }))!;
      const lines = linesOf(cost, paid).map(({ type, count, rate, per }) => [type, count, rate, per]);
      expect(linesOf(cost, paid).reduce((sum, { picodollars }) => sum + picodollars, 0n)).toBe(cost.picodollars);
      return { lines, missing: unpricedOf(cost, paid), picodollars: cost.picodollars };
    };
    const claude = priced('anthropic', 'claude-sonnet-4-5', { cacheWrite1h: 500, webSearches: 3 });
    expect(claude.lines).toEqual([
      ['input', 400, '3', 1_000_000],
      ['output', 100, '15', 1_000_000],
      ['cacheWrite', 100, '3.75', 1_000_000],
      ['cacheWrite1h', 500, '6', 1_000_000],
      ['webSearches', 3, '10', 1_000],
    ]);
    expect(claude.picodollars).toBe(1_200_000_000n + 1_500_000_000n + 375_000_000n + 3_000_000_000n + 30_000_000_000n);
    expect(priced('perplexity', 'sonar-pro').lines.at(-1)).toEqual(['requests', 1, '14', 1_000]);
    expect(priced('openrouter', 'deepseek/deepseek-r1:free').picodollars).toBe(0n);
    expect(priced('groq', 'llama-3.1-8b-instant', { webSearches: 2 }).missing).toEqual([
      { type: 'webSearches', count: 2 },
    ]);
  });

  it('are taken out of their whole, and cost what it does when they have no rate', () => {
    expect(
      of(
        { input: '2', cacheRead: '0.5', output: '8' },
        { input: 100, cacheRead: 60, cacheWrite: 10, output: 50, reasoning: 40 },
      ),
    ).toEqual([
      ['input', 30, 60_000_000n],
      ['output', 10, 80_000_000n],
      ['cacheRead', 60, 30_000_000n],
      ['cacheWrite', 10, 20_000_000n],
      ['reasoning', 40, 320_000_000n],
    ]);
  });

  it('audio that was read from the cache is charged once, at its own rate or that of the cache', () => {
    const usage = { input: 1000, cacheRead: 600, inputAudio: 800, output: 10 };
    const rates = { input: '1', cacheRead: '0.25', inputAudio: '4', output: '8' };
    expect(of({ ...rates, cacheReadAudio: '0.5' }, usage, { cacheReadAudio: 500 })).toEqual([
      ['input', 100, 100_000_000n],
      ['output', 10, 80_000_000n],
      ['cacheRead', 100, 25_000_000n],
      ['inputAudio', 300, 1_200_000_000n],
      ['cacheReadAudio', 500, 250_000_000n],
    ]);
    expect(of(rates, usage, { cacheReadAudio: 500 }).at(-1)).toEqual(['cacheReadAudio', 500, 125_000_000n]);
  });

  it('that are more than their whole are believed, and leave nothing of it', () => {
    expect(of({ input: '2', cacheRead: '1', output: '8' }, { input: 10, cacheRead: 25, output: 3 })).toEqual([
      ['output', 3, 24_000_000n],
      ['cacheRead', 25, 25_000_000n],
    ]);
  });
});

describe('the package of prices', () => {
  it('is of the version that costs name', () => {
    const entry = createRequire(import.meta.url).resolve('@pydantic/genai-prices');
    const { version } = JSON.parse(readFileSync(path.join(path.dirname(entry), '../package.json'), 'utf8'));
    expect(CATALOG_VERSION).toBe(version);
  });
});
