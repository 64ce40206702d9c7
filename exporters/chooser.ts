/** What stands between reading ranges and sending them: which items go to one exporter, and what of them. */
import type { Signal } from '../src/component.js';
import type { Part } from './batch.js';

/** Items that came to a processor, and those of them that go on: the others are kept from the exporter on purpose. */
export interface Passage {
  signal: Signal;
  /** The id of that processor. */
  processor: string;
  incoming: number;
  outgoing: number;
}

export type Tell = (passage: Passage) => void;

export interface Chooser {
  /**
   * The parts of one range in their order; answers those to send, with payloads that may have been written anew and fewer
   * items, or none. The payloads' memory may be handed to another thread. What each processor lets pass is told to `tell`, and
   * counts when the range is released, for it may have to be chosen from again before. What is left out is no loss. The range
   * is held, and not released, until it resolves. Rejects for what may be otherwise the next time: the range is read again,
   * and chosen from again. When `signal` is aborted it resolves or rejects soon, with whatever.
   */
  choose(parts: Part[], signal: AbortSignal, tell: Tell): Promise<Part[]>;
  /**
   * For one that has to wait before it can tell: true once all that stands in the buffer up to that sequence can be chosen
   * from, false as soon as one of the signals is aborted before. Ranges are asked for in their order, some at a time, before
   * they are read.
   */
  ready?(sequence: number, signals: readonly AbortSignal[]): Promise<boolean>;
}

async function allReady(
  choosers: readonly Chooser[],
  sequence: number,
  signals: readonly AbortSignal[],
): Promise<boolean> {
  for (const chooser of choosers) {
    if (chooser.ready !== undefined && !(await chooser.ready(sequence, signals))) return false;
  }
  return true;
}

/** Each chooses from what the one before it left. */
export function inTurn(choosers: readonly Chooser[]): Chooser {
  return {
    async choose(parts, signal, tell) {
      let left = parts;
      for (const chooser of choosers) {
        if (left.length === 0 || signal.aborted) break;
        left = await chooser.choose(left, signal, tell);
      }
      return left;
    },
    ready: (sequence, signals) => allReady(choosers, sequence, signals),
  };
}

/** Parts of a signal that has no chooser pass. Those of one signal stay in their order. */
export function bySignal(choosers: Partial<Record<Signal, Chooser>>): Chooser {
  return {
    async choose(parts, signal, tell) {
      const groups = new Map<Signal, Part[]>();
      for (const part of parts) groups.set(part.signal, [...(groups.get(part.signal) ?? []), part]);
      const chosen = [...groups].map(([of, group]) => choosers[of]?.choose(group, signal, tell) ?? group);
      return (await Promise.all(chosen)).flat();
    },
    ready: (sequence, signals) => allReady(Object.values(choosers), sequence, signals),
  };
}
