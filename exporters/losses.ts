import type { ItemCounts, Signal } from '../src/component.js';
import type { Ending } from './ending.js';
import type { ExporterEvents } from './events.js';

export interface LossesOptions {
  exporter: string;
  /** What goes out by it: of other signals it loses nothing. */
  signals: readonly Signal[];
  events: Pick<ExporterEvents, 'dropped' | 'keptUp'>;
  ending: Ending;
}

/** What an exporter gave up because it lagged by more than its share, in rows that end when it has caught up. */
export class Losses {
  readonly #options: LossesOptions;
  #items = 0;
  #row = 0;

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  /** Since the start. */
  get items(): number {
    return this.#items;
  }
  /** In the present row. */
  get row(): number {
    return this.#row;
  }

  /** At the end it stays in the buffer; otherwise it is lost. */
  giveUp(all: ItemCounts): void {
    if (!this.#options.ending.ended.aborted) this.count(all, 0);
  }

  /** What processors would have left out is not known, and counts. */
  count(all: ItemCounts, frames: number): void {
    const { exporter, events } = this.#options;
    const signals = this.#ownOf(all);
    const items = signals.traces + signals.logs + signals.metrics;
    if (items === 0) return;
    const first = this.#row === 0;
    this.#row += items;
    this.#items += items;
    events.dropped({ exporter, frames, items, signals, first });
  }

  endRow(): void {
    this.#options.events.keptUp({ exporter: this.#options.exporter, items: this.#row });
    this.#row = 0;
  }

  #ownOf(all: ItemCounts): ItemCounts {
    const own = (signal: Signal) => (this.#options.signals.includes(signal) ? all[signal] : 0);
    return { traces: own('traces'), logs: own('logs'), metrics: own('metrics') };
  }
}
