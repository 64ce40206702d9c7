import { pause } from './backoff.js';
import type { QueueConfig } from './config.js';
import type { Ending } from './ending.js';
import type { ExporterEvents } from './events.js';

/** What is wrong on this side is looked at again after so long, or sooner where backends are tried again sooner. */
const PAUSE_MS = 1000;

export interface OwnFaultsOptions {
  exporter: string;
  config: Pick<QueueConfig, 'retryInitialMs'>;
  events: Pick<ExporterEvents, 'stuck'>;
  ending: Ending;
}

/** What fails on this side (its disk, its threads) is told, and tried again after a while. */
export class OwnFaults {
  readonly #options: OwnFaultsOptions;

  constructor(options: OwnFaultsOptions) {
    this.#options = options;
  }

  /** Resolves when it may be tried again, or as soon as the signal is aborted. */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    const { exporter, config, events, ending } = this.#options;
    events.stuck({ exporter, reason: (error as Error).message });
    ending.endIfDraining();
    await pause(Math.min(PAUSE_MS, config.retryInitialMs), signal);
  }
}
