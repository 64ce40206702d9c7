/** How an exporter comes to its end. */
export class Ending {
  readonly #draining = new AbortController();
  readonly #ended = new AbortController();

  /** Aborted first: nothing lingers, nothing more is waited for. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }
  /** Aborted last: nothing is sent any more; what is not released stays in the buffer. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  drain(): void {
    this.#draining.abort();
  }

  end(): void {
    this.#ended.abort();
  }

  /** A shutdown doesn't wait for what may come right: neither for a backend that does not answer, nor for a full disk. */
  endIfDraining(): void {
    if (this.#draining.signal.aborted) this.end();
  }
}
