/** Between decoding and writing: what each record tells of calls to models, which prompt it was made with, what it cost. */
import { LRUCache } from 'lru-cache';
import { growingTo } from '../src/lru-bounds.js';
import type { Generation } from '../src/model/generation.js';
import { MAX_KNOWN_TEXTS } from '../src/model/prompt-hash.js';
import type { DecodedFrame } from '../src/model/telemetry.js';
import { createPriceBook, type PriceBook } from '../src/pricing/price-book.js';
import { generationOf, generationOfLog, searchTextOfEvent } from '../src/semconv/generation.js';
import type { OwnPrice } from '../src/store/control/prices.js';
import type { Knowledge, Known, KnownPrompt } from './messages.js';

type Described = Pick<DecodedFrame, 'workspace' | 'spans' | 'logRecords'>;

export interface EnrichmentFailures {
  count: number;
  /** Of the first. */
  reason: string;
}

/** Lives in a writer thread, and is told by the main thread what it should know. */
export class Enrichment {
  private book: PriceBook = createPriceBook([]);
  private pricesVersion = 0;
  private promptsVersion = 0;
  /** Forgotten in the order in which they were told, as on the main thread: what is forgotten there alone is told again. */
  private readonly prompts: Record<KnownPrompt['source'], LRUCache<string, NamedPrompt>> = {
    template: new LRUCache(growingTo(MAX_KNOWN_TEXTS)),
    rendering: new LRUCache(growingTo(MAX_KNOWN_TEXTS)),
  };

  /** What the writer threads know: what they are not told again. */
  get known(): Known {
    return { pricesVersion: this.pricesVersion, promptsVersion: this.promptsVersion };
  }

  learn({ pricesVersion, prices, promptsVersion, prompts }: Knowledge): void {
    if (prices !== undefined) this.book = createPriceBook(JSON.parse(prices) as OwnPrice[]);
    if (prompts !== undefined) this.rememberPrompts(JSON.parse(prompts) as KnownPrompt[]);
    this.pricesVersion = pricesVersion;
    this.promptsVersion = promptsVersion;
  }

  get priceBook(): PriceBook {
    return this.book;
  }

  /** A record that can't be understood is stored as it came: nothing of it is lost but its view. */
  enrich({ workspace, spans, logRecords }: Described): EnrichmentFailures | undefined {
    const failures: EnrichmentFailures = { count: 0, reason: '' };
    for (const span of spans) {
      span.generation = attempt(() => this.completed(workspace, generationOf(span)), failures);
    }
    for (const record of logRecords) {
      record.generation = attempt(() => this.completed(workspace, generationOfLog(record)), failures);
      record.searchText = attempt(() => searchTextOfEvent(record), failures);
    }
    return failures.count > 0 ? failures : undefined;
  }

  private completed(workspace: string, generation: Generation | undefined): Generation | undefined {
    if (!generation) return undefined;
    if (generation.promptName === '' && generation.promptHash !== '') this.recognise(workspace, generation);
    generation.cost = this.book.costOf(workspace, generation);
    return generation;
  }

  /** What was handed out is surer than what is written: several versions may begin with the same text. */
  private recognise(workspace: string, generation: Generation): void {
    if (this.prompts.rendering.size + this.prompts.template.size === 0) return;
    const key = promptKey(workspace, generation.promptHash);
    const prompt = this.prompts.rendering.peek(key) ?? this.prompts.template.peek(key);
    if (!prompt || prompt.name === '') return;
    generation.promptName = prompt.name;
    generation.promptVersion = prompt.version;
  }

  private rememberPrompts(prompts: readonly KnownPrompt[]): void {
    for (const { source, workspace, hash, name, version } of prompts) {
      this.prompts[source].set(promptKey(workspace, hash), { name, version });
    }
  }
}

type NamedPrompt = Pick<KnownPrompt, 'name' | 'version'>;

function promptKey(workspace: string, hash: string): string {
  return `${hash}${workspace}`;
}

function attempt<Result>(work: () => Result | undefined, failures: EnrichmentFailures): Result | undefined {
  try {
    return work();
  } catch (error) {
    failures.count++;
    failures.reason ||= error instanceof Error ? error.message : String(error);
    return undefined;
  }
}
