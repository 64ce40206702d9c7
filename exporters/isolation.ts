/**
 * Parts that a thread works on together, and one by one once it was lost over them often enough: so the one that no thread
 * survives is found, and set aside, and its neighbours go on.
 */
import type { Part } from './batch.js';
import type { Tell } from './chooser.js';
import { isLostThread, LOST_THREADS } from './transcoding.js';

export interface IsolationOptions {
  /** On a thread. Rejects when that is lost, and for what may be otherwise the next time. */
  work(parts: readonly Part[], tell: Tell): Promise<Part[]>;
  /** Rejects when there is no thread to be had: that is no part's fault. */
  probe(): Promise<unknown>;
  /** Resolves when it is among the dead letters. */
  setAside(part: Part, error: Error): Promise<void>;
}

interface Trouble {
  losses: number;
  /** Sequences of those that were set aside: the parts may have to be gone through again for another one's sake. */
  aside: Set<number>;
}

interface Attempt {
  abort: AbortSignal;
  tell: Tell;
}

export class Isolation {
  readonly #options: IsolationOptions;
  /** By the sequence of the first part. */
  readonly #troubles = new Map<number, Trouble>();

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /** As a Chooser does. */
  async choose(parts: readonly Part[], abort: AbortSignal, tell: Tell): Promise<Part[]> {
    const { sequence } = parts[0]!;
    const trouble = this.#troubles.get(sequence) ?? { losses: 0, aside: new Set() };
    try {
      const isTogether = trouble.losses < LOST_THREADS;
      const chosen = await (isTogether
        ? this.#options.work(parts, tell)
        : this.#oneByOne(parts, trouble, { abort, tell }));
      this.#troubles.delete(sequence);
      return chosen;
    } catch (error) {
      if (isLostThread(error)) this.#troubles.set(sequence, { ...trouble, losses: trouble.losses + 1 });
      throw error;
    }
  }

  async #oneByOne(parts: readonly Part[], { aside }: Trouble, attempt: Attempt): Promise<Part[]> {
    const chosen: Part[] = [];
    for (const part of parts) if (!aside.has(part.sequence)) chosen.push(...(await this.#alone(part, aside, attempt)));
    return chosen;
  }

  async #alone(part: Part, aside: Set<number>, { abort, tell }: Attempt): Promise<Part[]> {
    try {
      return await this.#options.work([part], tell);
    } catch (error) {
      if (abort.aborted || !isLostThread(error)) throw error;
      await this.#options.probe();
      await this.#options.setAside(part, error as Error);
      aside.add(part.sequence);
      return [];
    }
  }
}
