/**
 * Memory that ranges are read into, used again. A range is in memory for as long as its backend takes for it, and by then V8
 * has moved it to the old generation, where only a collection of the whole heap frees it. With fresh memory for each range
 * there was one for every five requests under load, and 30 % of all processor time went into them.
 */
const IDLE_MS = 10_000;
/** Sizes are rounded up to it, so that memory fits ranges of about the same size. */
const STEP_BYTES = 256 * 1024;

/** It holds no more than was in use at once, and lets go of what it had no use for during `idleMs`. */
export class ReadMemory {
  readonly #idleMs: number;
  /** What came back last is at the end, and taken first. */
  #free: Buffer[] = [];
  /** The fewest that were free since the last look: nobody would have missed so many. */
  #surplus = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** So many bytes or more, of whatever was in them. */
  take(bytes: number): Buffer {
    const found = this.#free.findLastIndex(({ length }) => length >= bytes);
    // Where none is large enough, the smaller one that was free for longest gives way.
    const [memory] = this.#free.splice(Math.max(0, found), 1);
    this.#surplus = Math.min(this.#surplus, this.#free.length);
    return found === -1 ? Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES) : memory!;
  }

  /** Of what was taken here, once nobody reads it any more. */
  giveBack(memory: Buffer): void {
    this.#free.push(memory);
    this.#timer ??= setInterval(() => this.#letGo(), this.#idleMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#free = [];
  }

  #letGo(): void {
    this.#free.splice(0, this.#surplus);
    this.#surplus = this.#free.length;
    if (this.#surplus === 0) this.close();
  }
}
