import { GatewayError } from '../../src/errors.js';

/** The share that one request has in the bytes in flight. */
export class Lease {
  #held = 0;
  readonly #account: InFlight;

  constructor(account: InFlight) {
    this.#account = account;
  }

  /** Throws OVERLOADED, and holds no more than before, when the bound would be passed. */
  add(bytes: number): void {
    this.#account.take(bytes, this.#held);
    this.#held += bytes;
  }

  /** Throws OVERLOADED when so many bytes more would pass the bound now. Holds nothing for them. */
  expect(bytes: number): void {
    this.#account.admit(bytes, this.#held);
  }

  /** Safe twice. */
  release(): void {
    this.#account.give(this.#held);
    this.#held = 0;
  }
}

/**
 * Bytes of requests that are in memory between the first byte read and the answer, counted over every door that shares
 * the account. A request that finds nobody else's bytes there is let in whatever its size, so that a bound below the
 * largest body slows the largest requests down without refusing them for good.
 */
export class InFlight {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  lease(): Lease {
    return new Lease(this);
  }

  take(bytes: number, alreadyHeld: number): void {
    this.admit(bytes, alreadyHeld);
    this.#bytes += bytes;
  }

  admit(bytes: number, alreadyHeld: number): void {
    const others = this.#bytes - alreadyHeld;
    if (this.#bytes + bytes > this.#maxBytes && others > 0) {
      throw new GatewayError('OVERLOADED', 'Too many bytes of requests are in flight');
    }
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
