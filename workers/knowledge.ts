/** What writer threads are told: prices as a whole whenever one of them changed, prompts one by one as they are learned. */
import type { PriceSnapshot } from '../src/pricing/prices.js';
import type { KnowledgeSource } from './informed-writer.js';
import type { Knowledge, Known, KnownPrompt } from './messages.js';

export interface KnownPrompts {
  /** What was learned behind that version, as far as there is time for it, and which version that is up to. */
  since(version: number): { version: number; texts: readonly KnownPrompt[] };
}

export interface KnowledgeOptions {
  prices: { snapshot(): PriceSnapshot };
  prompts: KnownPrompts;
}

/** Text of the prices is made once for each version, however many writers there are. */
export function createKnowledge({ prices, prompts }: KnowledgeOptions): KnowledgeSource {
  let written: { version: number; text: string } = { version: 0, text: '[]' };

  const pricesText = ({ version, prices }: PriceSnapshot): string => {
    if (written.version !== version) written = { version, text: JSON.stringify(prices) };
    return written.text;
  };

  return {
    since(after: Known): Knowledge {
      const snapshot = prices.snapshot();
      const { version: promptsVersion, texts } = prompts.since(after.promptsVersion);
      return {
        after,
        pricesVersion: snapshot.version,
        promptsVersion,
        ...(snapshot.version !== after.pricesVersion && { prices: pricesText(snapshot) }),
        ...(promptsVersion !== after.promptsVersion && { prompts: JSON.stringify(texts) }),
      };
    },
  };
}
