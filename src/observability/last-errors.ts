/** What went wrong last at each stage of the path, and what of the store's failures no metric tells apart. */
import type { ReceiverEvents, Transport } from '../../receivers/otlp/events.js';
import type { DrainEvents } from '../../workers/drain.js';
import type { BufferEvents } from '../buffer/events.js';

export interface NotedError {
  message: string;
  timeUnixMs: number;
}

export type NotedStage = Transport | 'buffer' | 'store' | 'audit';

export class LastErrors {
  readonly #last = new Map<NotedStage, NotedError>();
  /** Frames that the store set aside since the start. */
  storeDeadLetters = 0;
  #failing = new Set<NotedStage>();

  of(stage: NotedStage): NotedError | undefined {
    return this.#last.get(stage);
  }

  isFailing(stage: NotedStage): boolean {
    return this.#failing.has(stage);
  }

  ofReceivers(events: ReceiverEvents): ReceiverEvents {
    return {
      ...events,
      request: (event) => {
        events.request(event);
        if (event.error) this.#note(event.transport, `${event.error.code}: ${event.error.message}`);
      },
    };
  }

  ofBuffer(events: BufferEvents): BufferEvents {
    return {
      ...events,
      stateChanged: (change) => {
        events.stateChanged(change);
        if (change.error) this.#note('buffer', `${change.error.code}: ${change.error.message}`);
      },
      cursorsNotKept: (error) => {
        events.cursorsNotKept(error);
        this.#note('buffer', `cursors could not be kept: ${wordsOf(error)}`);
      },
    };
  }

  ofDrain(events: DrainEvents): DrainEvents {
    return {
      ...events,
      deadLettered: (letter) => {
        events.deadLettered(letter);
        this.storeDeadLetters += 1;
        this.#note('store', `dead letter: ${letter.reason}`);
      },
      storeUnavailable: (reason) => {
        events.storeUnavailable(reason);
        this.#fails('store', `unavailable: ${reason}`);
      },
      storeRecovered: () => {
        events.storeRecovered();
        this.#failing.delete('store');
      },
      auditTrailStuck: (reason) => {
        events.auditTrailStuck(reason);
        this.#fails('audit', `unavailable: ${reason}`);
      },
      auditTrailRecovered: () => {
        events.auditTrailRecovered();
        this.#failing.delete('audit');
      },
    };
  }

  #fails(stage: NotedStage, message: string): void {
    this.#failing.add(stage);
    this.#note(stage, message);
  }

  #note(stage: NotedStage, message: string): void {
    this.#last.set(stage, { message, timeUnixMs: Date.now() });
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
