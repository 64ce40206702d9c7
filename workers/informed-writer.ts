/**
 * A writer thread that knows the prices and the prompts: each task tells it what changed since the last one, and a thread
 * that began anew is told everything. Texts, because objects cost more to hand over than to parse.
 */
import type { Component, TaskPool } from '../src/component.js';
import type { Ignorant, Knowledge, Known } from './messages.js';

export interface KnowledgeSource {
  /** What came after it; without texts when nothing did. */
  since(known: Known): Knowledge;
}

/** Operations that derive something from what is known. */
const INFORMED: ReadonlySet<string> = new Set(['store', 'reprice', 'fold']);

const KNOWS_NOTHING: Known = { pricesVersion: 0, promptsVersion: 0 };

export function createInformedWriter(writer: Component & TaskPool, source: KnowledgeSource): Component & TaskPool {
  let known = KNOWS_NOTHING;

  const runInformed = async <Result>(operation: string, argument: unknown): Promise<Result> => {
    for (;;) {
      const knowledge = source.since(known);
      const result = await writer.run<Result | Ignorant>(operation, { ...(argument as object), knowledge });
      if (!isIgnorant(result)) {
        known = { pricesVersion: knowledge.pricesVersion, promptsVersion: knowledge.promptsVersion };
        return result;
      }
      known = result.known;
    }
  };

  return {
    name: writer.name,
    start: () => writer.start(),
    shutdown: (options) => writer.shutdown(options),
    run: <Result>(operation: string, argument: unknown) =>
      INFORMED.has(operation) ? runInformed<Result>(operation, argument) : writer.run<Result>(operation, argument),
  };
}

function isIgnorant(result: unknown): result is Ignorant {
  return (result as Partial<Ignorant> | undefined)?.outcome === 'ignorant';
}
