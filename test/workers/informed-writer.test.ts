import { describe, expect, it } from 'vitest';
import type { Component, TaskPool } from '../../src/component.js';
import { Enrichment } from '../../workers/enrichment.js';
import { createInformedWriter } from '../../workers/informed-writer.js';
import { createKnowledge } from '../../workers/knowledge.js';
import type { Ignorant, Informed, KnownPrompt } from '../../workers/messages.js';

const price = (pattern: string) => ({
  id: 1,
  workspace: 'w',
  pattern,
  provider: '',
  serviceTier: '',
  validFromUnixMs: 0,
  revision: 1,
  rates: { input: '1' },
  createdTimeUnixMs: 0,
  updatedTimeUnixMs: 0,
});

const call = {
  provider: 'p',
  requestModel: 'own-model',
  responseModel: '',
  serviceTier: '',
  usage: { input: 1 },
  billed: undefined,
  startTimeUnixNano: 1n,
};

/** A thread as store-writer.ts is one: it refuses what presumes more than it knows, and may begin anew. */
function thread() {
  let enrichment = new Enrichment();
  const told: Informed['knowledge'][] = [];
  const pool: Component & TaskPool = {
    name: 'thread',
    start: async () => {},
    shutdown: async () => {},
    async run<Result>(operation: string, argument: unknown) {
      const { knowledge } = argument as Partial<Informed>;
      if (!knowledge) return { operation } as Result;
      told.push(knowledge);
      const { known } = enrichment;
      const isKnown =
        known.pricesVersion === knowledge.after.pricesVersion &&
        known.promptsVersion === knowledge.after.promptsVersion;
      if (!isKnown) return { outcome: 'ignorant', known } satisfies Ignorant as Result;
      enrichment.learn(knowledge);
      return { outcome: 'stored', picodollars: enrichment.priceBook.costOf('w', call)?.picodollars } as Result;
    },
  };
  return { pool, told, die: () => (enrichment = new Enrichment()) };
}

function open() {
  const learned: KnownPrompt[] = [];
  let snapshot = { version: 1, prices: [] as ReturnType<typeof price>[] };
  const source = createKnowledge({
    prices: { snapshot: () => snapshot },
    prompts: { since: (version) => ({ version: learned.length, texts: learned.slice(version) }) },
  });
  const worker = thread();
  const writer = createInformedWriter(worker.pool, source);
  const setPrices = (...patterns: string[]) => {
    snapshot = { version: snapshot.version + 1, prices: patterns.map(price) };
  };
  return { ...worker, writer, learned, setPrices, store: () => writer.run<{ picodollars?: bigint }>('store', {}) };
}

describe('a writer thread', () => {
  it('does not know of a price that was set before its task', async () => {
    const { store, setPrices } = open();
    expect((await store()).picodollars).toBeUndefined();
    setPrices('own-*');
    expect((await store()).picodollars).toBe(1_000_000n);
    setPrices();
    expect((await store()).picodollars).toBeUndefined();
  });

  it('is told again what it knows', async () => {
    const { store, told, learned } = open();
    await store();
    learned.push({ source: 'template', workspace: 'w', hash: 'h', name: 'n', version: '1' });
    await store();
    await store();
    expect(told.map(({ prices, prompts }) => [prices, prompts])).toEqual([
      ['[]', undefined],
      [undefined, JSON.stringify(learned)],
      [undefined, undefined],
    ]);
  });

  it('that begins anew stores without what the one before it knew', async () => {
    const { store, setPrices, die } = open();
    setPrices('own-*');
    await store();
    die();
    expect((await store()).picodollars).toBe(1_000_000n);
  });

  it('is told of prices with tasks that need none', async () => {
    const { writer, told } = open();
    expect(await writer.run('delete', {})).toEqual({ operation: 'delete' });
    expect(told).toEqual([]);
  });
});
