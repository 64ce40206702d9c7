/**
 * Keeps requests from a backend that doesn't take them. After so many failures in a row the circuit is open: one request
 * at a time goes as a probe, at the pace of the backoff, and the first success lets all the others go. A backend that names
 * a time (Retry-After, RetryInfo) is left alone until then, by every request.
 */
import { type BackoffConfig, backoffMs } from './backoff.js';

export interface CircuitOptions {
  config: BackoffConfig & { circuitFailures: number };
  opened(reason: string): void;
  closed(): void;
}

/** A request that may go: hand it back with how the request ended. */
export interface Pass {
  probe: boolean;
}

export class Circuit {
  readonly #options: CircuitOptions;
  #failures = 0;
  /** Probes that failed since the circuit is open. */
  #probes = 0;
  #notBeforeMs = 0;
  #probing = false;
  readonly #waiting = new Set<() => void>();

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#failures >= this.#options.config.circuitFailures;
  }

  /** Resolves when a request may go; with undefined once the signal is aborted. */
  async enter(signal: AbortSignal): Promise<Pass | undefined> {
    while (!signal.aborted) {
      const waitMs = this.#notBeforeMs - performance.now();
      if (waitMs > 0) await this.#change(signal, waitMs);
      else if (!this.isOpen) return { probe: false };
      else if (this.#probing) await this.#change(signal);
      else {
        this.#probing = true;
        return { probe: true };
      }
    }
    return undefined;
  }

  /** What happened since the pass was given may have closed the way: then it is handed back, and asked for again. */
  isGoodFor(pass: Pass): boolean {
    return pass.probe || (!this.isOpen && performance.now() >= this.#notBeforeMs);
  }

  succeeded(pass: Pass): void {
    const wasOpen = this.isOpen;
    this.#failures = 0;
    this.#probes = 0;
    this.#notBeforeMs = 0;
    this.#settle(pass);
    if (wasOpen) this.#options.closed();
  }

  failed(pass: Pass, reason: string, retryAfterMs = 0): void {
    const { config } = this.#options;
    const wasOpen = this.isOpen;
    this.#failures += 1;
    // What was under way when the circuit opened says nothing new.
    const isNews = pass.probe || !wasOpen;
    const backoff = this.isOpen && isNews ? backoffMs(config, this.#probes++) : 0;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, performance.now() + Math.max(backoff, retryAfterMs));
    this.#settle(pass);
    if (this.isOpen && !wasOpen) this.#options.opened(reason);
  }

  /** The request ended without telling anything of the backend. */
  abandoned(pass: Pass): void {
    this.#settle(pass);
  }

  #settle(pass: Pass): void {
    if (pass.probe) this.#probing = false;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at the next end of a request, after that time, or when the signal is aborted. */
  #change(signal: AbortSignal, waitMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = waitMs === undefined ? undefined : setTimeout(() => wake(), Math.ceil(waitMs));
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
