/** Every workspace's own prices, as they are now: small, in memory, and told to whoever computes costs. */
import type { Component } from '../component.js';
import type { OwnPrice } from '../store/control/prices.js';
import type { ControlStore } from '../store/control/store.js';
import { within } from '../store/deadline.js';
import type { PricingEvents } from './events.js';

export interface PriceSnapshot {
  /** 1 when they were read first, and one more with each change; 0 before the start. */
  version: number;
  /** The same array as long as the version is the same. */
  prices: readonly OwnPrice[];
}

/** Started after the control store. */
export interface PriceList extends Component {
  snapshot(): PriceSnapshot;
  /** Called when there is another snapshot. Answers how to stop listening. */
  onChange(listener: (snapshot: PriceSnapshot) => void): () => void;
  /** Resolves when all that was changed before this call is in the snapshot; rejects while the control store can't tell. */
  refresh(): Promise<void>;
}

export interface PriceListOptions {
  control: Pick<ControlStore, 'prices' | 'onChange' | 'hearsOthers'>;
  events: Pick<PricingEvents, 'refreshFailed'>;
  /** How old what is in memory may be: where other gateways' changes are heard anyway, and where they are not. */
  refreshMs?: { hearing: number; deaf: number };
}

const REFRESH_MS = { hearing: 30_000, deaf: 1_000 };
const NOTHING: PriceSnapshot = { version: 0, prices: [] };

class RememberedPrices implements PriceList {
  readonly name = 'prices';
  private current = NOTHING;
  private fingerprint: string | undefined;
  private readonly listeners = new Set<(snapshot: PriceSnapshot) => void>();
  private timer: NodeJS.Timeout | undefined;
  private stopHearing = () => {};
  private reading: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private readAtMs = 0;
  private failing = false;
  private readonly refreshMs: { hearing: number; deaf: number };

  constructor(private readonly options: PriceListOptions) {
    this.refreshMs = options.refreshMs ?? REFRESH_MS;
  }

  snapshot(): PriceSnapshot {
    return this.current;
  }

  onChange(listener: (snapshot: PriceSnapshot) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async start(): Promise<void> {
    this.stopHearing = this.options.control.onChange((change) => {
      if (change === 'missed' || change.topic === 'prices') this.refreshQuietly();
    });
    await this.refresh();
    this.timer = setInterval(() => this.tick(), this.refreshMs.deaf).unref();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.stopHearing();
    this.stopHearing = () => {};
    // What fails now is nobody's concern any more.
    const open = Promise.allSettled([this.reading, this.next]);
    if (this.reading) await within(deadlineMs, open);
  }

  /** A read that has begun may have missed the change: whoever comes during one gets the next, which all of them share. */
  refresh(): Promise<void> {
    if (!this.reading) return this.begin();
    this.next ??= this.reading.catch(() => {}).then(() => this.begin());
    return this.next;
  }

  private begin(): Promise<void> {
    this.next = undefined;
    this.reading = this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async read(): Promise<void> {
    const { prices } = this.options.control;
    const startedAtMs = performance.now();
    // Before the rows: what changes between the two is read again by the next.
    const fingerprint = await prices.fingerprint();
    if (fingerprint !== this.fingerprint) {
      this.take(await prices.all());
      this.fingerprint = fingerprint;
    }
    this.readAtMs = startedAtMs;
    this.failing = false;
  }

  private take(prices: readonly OwnPrice[]): void {
    this.current = { version: this.current.version + 1, prices };
    for (const listener of this.listeners) listener(this.current);
  }

  private tick(): void {
    const maxAgeMs = this.options.control.hearsOthers() ? this.refreshMs.hearing : this.refreshMs.deaf;
    if (performance.now() - this.readAtMs >= maxAgeMs - this.refreshMs.deaf / 2) this.refreshQuietly();
  }

  /** When it fails, what is known stays good. Told once, until it succeeds. */
  private refreshQuietly(): void {
    this.refresh().catch((error: unknown) => {
      if (!this.failing && this.timer) this.options.events.refreshFailed(error);
      this.failing = true;
    });
  }
}

export function createPriceList(options: PriceListOptions): PriceList {
  return new RememberedPrices(options);
}
