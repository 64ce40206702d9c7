export interface BucketsOptions<State> {
  max: number;
  create(): State;
  /** This one made room for another. */
  evicted?(state: State): void;
}

/** States by name, at most so many of them: the one that was touched longest ago makes room. */
export class Buckets<State> {
  readonly #options: BucketsOptions<State>;
  /** In the order of the last touch. */
  readonly #states = new Map<string, State>();

  constructor(options: BucketsOptions<State>) {
    this.#options = options;
  }

  get size(): number {
    return this.#states.size;
  }

  /** Without touching it. */
  find(name: string): State | undefined {
    return this.#states.get(name);
  }

  touch(name: string): State {
    const known = this.#states.get(name);
    if (known === undefined) this.#makeRoom();
    else this.#states.delete(name);
    const state = known ?? this.#options.create();
    this.#states.set(name, state);
    return state;
  }

  #makeRoom(): void {
    if (this.#states.size < this.#options.max) return;
    const [oldest] = this.#states;
    this.#states.delete(oldest![0]);
    this.#options.evicted?.(oldest![1]);
  }
}
