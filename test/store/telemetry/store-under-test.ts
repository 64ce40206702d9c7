/** What an engine gives the contract of the telemetry store to test. */
import type { TelemetryStore, TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';

export interface StoreUnderTest {
  readonly store: TelemetryStore;
  /** The writer of that number, opened at the first call. */
  writer(number?: number): Promise<TelemetryWriter>;
  /** Closes the writers and the store, then opens the store again over the same data. */
  reopen(): Promise<void>;
  /** Closes everything and removes the data. */
  dispose(): Promise<void>;
}

export interface MakeStoreOptions {
  /** Engines that have no blocks ignore it. */
  blockMaxSpans?: number;
  /** How long a list may look for its page. */
  pageBudgetMs?: number;
}

export type MakeStore = (options?: MakeStoreOptions) => Promise<StoreUnderTest>;
