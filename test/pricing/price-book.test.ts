import { describe, expect, it } from 'vitest';
import type { Usage } from '../../src/model/generation.js';
import { createPriceBook } from '../../src/pricing/price-book.js';
import type { OwnPrice } from '../../src/store/control/prices.js';
import { callOf, DAY_MS, NOW_UNIX_MS, nanos, ownPrice } from './fixture.js';

const published = createPriceBook([]);

const MILLION: Usage = { input: 1_000_000, output: 1_000_000 };

/** Of a million tokens in and out, in USD. */
function dollars(book = published, call: Parameters<typeof callOf>[0] = {}, workspace = 'default'): number | undefined {
  const cost = book.costOf(workspace, callOf({ usage: MILLION, ...call }));
  return cost && Number(cost.picodollars) / 1e12;
}

function sourceOf(own: readonly OwnPrice[], call: Parameters<typeof callOf>[0] = {}, workspace = 'default') {
  const { price } = createPriceBook(own).costOf(workspace, callOf(call)) ?? {};
  return price && [price.source, price.model];
}

describe('a published price', () => {
  it('is the one of the model that answered, then of the one that was asked', () => {
    expect(dollars()).toBe(12.5);
    expect(dollars(published, { responseModel: 'gpt-4o-mini-2024-07-18' })).toBe(0.75);
    expect(dollars(published, { responseModel: 'nobody-knows-it' })).toBe(12.5);
  });

  it.each([
    ['openai', 'openai/gpt-4o', 'openai', 'gpt-4o'],
    ['', 'openai/gpt-4o', 'openai', 'gpt-4o'],
    ['litellm', 'anthropic/claude-3-5-sonnet-20241022', 'anthropic', 'claude-3-5-sonnet'],
    [
      '',
      'bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0',
      'aws',
      'regional.anthropic.claude-3-5-sonnet-20241022-v2:0',
    ],
    [
      'aws.bedrock',
      'eu.anthropic.claude-sonnet-4-20250514-v1:0',
      'aws',
      'regional.anthropic.claude-sonnet-4-20250514-v1:0',
    ],
    [
      'anthropic',
      'anthropic.claude-3-5-sonnet-20241022-v2:0',
      'aws',
      'regional.anthropic.claude-3-5-sonnet-20241022-v2:0',
    ],
    ['aws.bedrock', 'amazon.nova-pro-v1:0', 'aws', 'amazon.nova-pro-v1:0'],
    ['gcp.vertex_ai', 'claude-3-5-sonnet@20240620', 'google', 'claude-3-5-sonnet'],
    ['gcp.vertex_ai', 'publishers/google/models/gemini-2.5-pro', 'google', 'gemini-2.5-pro'],
    ['gcp.gen_ai', 'models/gemini-2.5-pro', 'google', 'gemini-2.5-pro'],
    ['x_ai', 'grok-3', 'x-ai', 'grok-3'],
    ['xai', 'grok-3', 'x-ai', 'grok-3'],
    ['azure.ai.inference', 'gpt-4o', 'azure', 'gpt-4o'],
    ['azure.ai.openai', 'gpt-4o', 'azure', 'gpt-4o'],
    ['mistral_ai', 'mistral-large-latest', 'mistral', 'mistral-large'],
    ['OpenAI', 'GPT-4o', 'openai', 'gpt-4o'],
    ['openai', 'claude-3-5-sonnet-20241022', 'anthropic', 'claude-3-5-sonnet'],
    ['openrouter', 'openai/gpt-4o', 'openrouter', 'openai/gpt-4o'],
    ['openai', 'ft:gpt-4o-mini-2024-07-18:acme::x', 'openai', 'ft:gpt-4o-mini'],
  ])('of %s: %s is found as that of %s, %s', (provider, requestModel, foundProvider, model) => {
    const cost = published.costOf('default', callOf({ provider, requestModel }));
    expect(cost?.price).toMatchObject({ source: 'catalog', version: '0.1.8', provider: foundProvider, model });
  });

  it.each([
    ['openai', 'nonsense'],
    ['ollama', 'llama3.2:3b'],
    ['ollama', 'deepseek-r1:7b'],
    ['openai', 'deepseek-r1:7b'],
    ['vllm', 'google/gemma-2-9b-it'],
    ['__proto__', 'constructor'],
    ['', 'toString/gpt-4o-'.repeat(100)],
    ['', ''],
  ])('of %s: %s is unknown, which is not zero', (provider, requestModel) => {
    expect(published.costOf('default', callOf({ provider, requestModel }))).toBeUndefined();
  });

  it('is the one of its date', () => {
    const june10 = Date.UTC(2025, 5, 10);
    expect(dollars(published, { requestModel: 'o3', atUnixMs: june10 - 1 })).toBe(50);
    expect(dollars(published, { requestModel: 'o3', atUnixMs: june10 })).toBe(10);
  });

  it('is the one of its hour, on the same day', () => {
    const call = { provider: 'deepseek', requestModel: 'deepseek-chat' };
    const at = (hour: number, minute: number) =>
      dollars(published, { ...call, atUnixMs: Date.UTC(2025, 2, 3, hour, minute) });
    const [night, day, lastOfDay, evening] = [at(0, 29), at(0, 30), at(16, 29), at(16, 30)];
    expect(night).toBe(evening);
    expect(day).toBe(lastOfDay);
    expect(night).toBeLessThan(day!);
  });

  it('is for the whole request the one of the context that its input reaches', () => {
    const call = { provider: 'google', requestModel: 'gemini-2.5-pro' };
    const of = (usage: Usage) => published.costOf('default', callOf({ ...call, usage }))?.picodollars;
    expect(of({ input: 200_000, output: 1000 })).toBe(200_000n * 1_250_000n + 1000n * 10_000_000n);
    expect(of({ input: 200_001, output: 1000 })).toBe(200_001n * 2_500_000n + 1000n * 15_000_000n);
  });

  it('of another tier than the standard one says that it is the standard price', () => {
    expect(published.costOf('default', callOf({ serviceTier: 'flex' }))?.price.serviceTier).toBe('');
  });

  it('is one object with one key, as long as it is the same', () => {
    const [first, again] = [callOf(), callOf({ usage: { input: 5 } })].map((call) => published.costOf('default', call));
    expect(again?.price).toBe(first?.price);
    const other = createPriceBook([]).costOf('default', callOf());
    expect(other?.price.key).toBe(first?.price.key);
    const tiers = [1, 200_001].map((input) =>
      published.costOf('default', callOf({ provider: 'google', requestModel: 'gemini-2.5-pro', usage: { input } })),
    );
    expect(tiers[0]?.price.key).not.toBe(tiers[1]?.price.key);
  });
});

describe('what has no cost', () => {
  it.each([{}, { input: 0, output: 0 }, { input: undefined }, { input: -1 }, { input: 0.5 }, { input: Number.NaN }])(
    'is a usage without any token: %j',
    (usage) => expect(published.costOf('default', callOf({ usage: usage as Usage }))).toBeUndefined(),
  );

  it('is a sum beyond what a column holds', () => {
    const own = [ownPrice({ rates: { input: '1000000' } })];
    const huge = { input: Number.MAX_SAFE_INTEGER };
    expect(createPriceBook(own).costOf('default', callOf({ usage: huge }))).toBeUndefined();
    expect(createPriceBook(own).costOf('default', callOf({ usage: { input: 9_223_372 } }))?.picodollars).toBe(
      9_223_372n * 10n ** 12n,
    );
  });

  it('is a token of a kind that has no rate, while a rate of zero is free', () => {
    const book = createPriceBook([ownPrice({ rates: { input: '0' } })]);
    expect(book.costOf('default', callOf({ usage: { input: 10 } }))?.picodollars).toBe(0n);
    expect(book.costOf('default', callOf({ usage: { input: 10, output: 1 } }))).toBeUndefined();
  });

  it('is a call at a time that no date can be of', () => {
    for (const startTimeUnixNano of [0n, -1n, 2n ** 63n - 1n, 10n ** 30n]) {
      expect(() => published.costOf('default', { ...callOf(), startTimeUnixNano })).not.toThrow();
    }
  });
});

describe("a workspace's own price", () => {
  it('goes before the published one, in its workspace alone', () => {
    const own = [ownPrice()];
    expect(dollars(createPriceBook(own))).toBe(3);
    expect(dollars(createPriceBook(own), {}, 'other')).toBe(12.5);
  });

  it.each([
    ['gpt-4o*', 'gpt-4o-2024-08-06', true],
    ['*4o*', 'gpt-4o-2024-08-06', true],
    ['GPT-4O', 'gpt-4o', true],
    ['gpt-4o', 'GPT-4o', true],
    ['*', 'anything', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['4o', 'gpt-4o', false],
    ['gpt-*o-*o', 'gpt-4o', false],
    ['a*a', 'a', false],
    ['g.t-4o', 'gpt-4o', false],
    ['ft:*:acme:*', 'ft:gpt-4o:acme:x', true],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['*a*b*c', 'xxbxxaxxc', false],
  ])('for %s and the model %s applies: %s', (pattern, requestModel, applies) => {
    const cost = createPriceBook([ownPrice({ pattern })]).costOf('default', callOf({ requestModel }));
    expect(cost?.price.source === 'workspace').toBe(applies);
  });

  it('of a name with ten thousand repetitions is found or not at once', () => {
    const own = [ownPrice({ pattern: '*a'.repeat(128) })];
    const requestModel = `${'a'.repeat(127)}${'b'.repeat(300)}`;
    expect(sourceOf(own, { requestModel })).toBeUndefined();
  });

  it('is the narrowest: of the tier, of the provider, of the longer name', () => {
    const tier = ownPrice({ pattern: '*', serviceTier: 'flex' });
    const provider = ownPrice({ pattern: 'gpt-*', provider: 'openai' });
    const long = ownPrice({ pattern: 'gpt-4o*' });
    const all = [long, provider, tier];
    expect(sourceOf(all, { serviceTier: 'flex' })).toEqual(['workspace', '*']);
    expect(sourceOf(all)).toEqual(['workspace', 'gpt-*']);
    expect(sourceOf(all, { provider: 'azure.ai.openai' })).toEqual(['workspace', 'gpt-4o*']);
    expect(sourceOf([provider], { provider: 'groq', requestModel: 'gpt-x' })).toBeUndefined();
  });

  it('of the standard tier is for calls that say so, or nothing', () => {
    const own = [ownPrice({ serviceTier: 'standard' })];
    for (const serviceTier of ['', 'default', 'auto', 'standard']) {
      expect(createPriceBook(own).costOf('default', callOf({ serviceTier }))?.price).toMatchObject({
        source: 'workspace',
        serviceTier: '',
      });
    }
    expect(sourceOf(own, { serviceTier: 'priority' })).toEqual(['catalog', 'gpt-4o']);
  });

  it('begins at its moment, in the middle of a day, and ends where the next begins', () => {
    const later = NOW_UNIX_MS + 3_600_000;
    const book = createPriceBook([
      ownPrice({ validFromUnixMs: NOW_UNIX_MS }),
      ownPrice({ validFromUnixMs: later, rates: { input: '7', output: '7' } }),
    ]);
    expect(dollars(book, { atUnixMs: NOW_UNIX_MS - 1 })).toBe(12.5);
    expect(dollars(book, { atUnixMs: NOW_UNIX_MS })).toBe(3);
    expect(dollars(book, { atUnixMs: later - 1 })).toBe(3);
    expect(dollars(book, { atUnixMs: later })).toBe(14);
    expect(dollars(book, { atUnixMs: later + 100 * DAY_MS })).toBe(14);
  });

  it('of the model that was asked goes before the published one of the model that answered', () => {
    const own = [ownPrice({ pattern: 'my-deployment' })];
    expect(sourceOf(own, { requestModel: 'my-deployment', responseModel: 'gpt-4o' })).toEqual([
      'workspace',
      'my-deployment',
    ]);
  });

  it('says of which row and revision it is', () => {
    const own = ownPrice({ revision: 3 });
    const { price } = createPriceBook([own]).costOf('default', callOf())!;
    expect(price).toMatchObject({ key: `workspace/${own.id}.3`, version: `${own.id}.3`, rates: own.rates });
  });

  it('is explained: what applies, by which name, and which others match', () => {
    const own = [ownPrice({ pattern: '*' }), ownPrice(), ownPrice({ validFromUnixMs: NOW_UNIX_MS + 1 })];
    const question = { ...callOf({ responseModel: 'gpt-4o-2024-08-06' }), startTimeUnixNano: nanos(NOW_UNIX_MS) };
    const told = createPriceBook(own).explain('default', question);
    expect(told.bands.map(({ price }) => price.model)).toEqual(['*']);
    expect(told.by).toBe('response_model');
    expect(told.own.map(({ pattern }) => pattern)).toEqual(['*', 'gpt-4o']);
  });
});

describe('what is kept of prices', () => {
  it('has a bound, and what fell out is found again', () => {
    const book = createPriceBook([], { maxPlans: 2 });
    for (let round = 0; round < 3; round++) {
      expect(dollars(book)).toBe(12.5);
      expect(dollars(book, { requestModel: 'gpt-4o-mini' })).toBe(0.75);
      expect(dollars(book, { requestModel: 'o3' })).toBe(10);
    }
  });

  it("never gives one workspace another's, whatever the names are", () => {
    const book = createPriceBook([ownPrice({ workspace: 'a', pattern: '*' })]);
    expect(dollars(book, {}, 'a')).toBe(3);
    expect(dollars(book, { provider: 'openai\ngpt-4o', requestModel: 'x' }, 'b')).toBeUndefined();
    expect(dollars(book, {}, 'b')).toBe(12.5);
  });
});
