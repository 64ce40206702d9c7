/** What stands between reading ranges and sending them: which items go to one exporter, and what of them. */
import type { Signal } from '../src/component.js';
import type { Part } from './batch.js';

export interface Chooser {
  /**
   * The parts of one range in their order; answers those to send, with payloads that may have been written anew and fewer
   * items, or none. The payloads' memory may be handed to another thread. What is left out is counted by
   * `ExporterEvents.leftOut`, and is no loss. The range is held, and not released, until it resolves. Rejects for what
   * may be otherwise the next time: the range is read again, and chosen from again. When `signal` is aborted it resolves
   * or rejects soon, with whatever.
   */
  choose(parts: Part[], signal: AbortSignal): Promise<Part[]>;
}

/** Each chooses from what the one before it left. */
export function inTurn(choosers: readonly Chooser[]): Chooser {
  return {
    async choose(parts, signal) {
      let left = parts;
      for (const chooser of choosers) {
        if (left.length === 0 || signal.aborted) break;
        left = await chooser.choose(left, signal);
      }
      return left;
    },
  };
}

/** Parts of a signal that has no chooser pass. Those of one signal stay in their order. */
export function bySignal(choosers: Partial<Record<Signal, Chooser>>): Chooser {
  return {
    async choose(parts, signal) {
      const groups = new Map<Signal, Part[]>();
      for (const part of parts) groups.set(part.signal, [...(groups.get(part.signal) ?? []), part]);
      const chosen = [...groups].map(([of, group]) => choosers[of]?.choose(group, signal) ?? group);
      return (await Promise.all(chosen)).flat();
    },
  };
}
