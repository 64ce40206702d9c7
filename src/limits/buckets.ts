export interface BucketsOptions<State> {
  max: number;
  create(): State;
  /** This one made room for others. */
  evicted?(state: State): void;
}

/**
 * States by name, at most so many of them. They live in two generations: what is touched moves into the younger one, and
 * when that is full it becomes the older one, whose states make room. So the half that was touched last always stays,
 * and nobody is searched for: the first entry of a Map from which many were deleted is far away.
 */
export class Buckets<State> {
  readonly #options: BucketsOptions<State>;
  #younger = new Map<string, State>();
  #older = new Map<string, State>();

  constructor(options: BucketsOptions<State>) {
    this.#options = options;
  }

  get size(): number {
    return this.#younger.size + this.#older.size;
  }

  /** Without touching it. */
  find(name: string): State | undefined {
    return this.#younger.get(name) ?? this.#older.get(name);
  }

  touch(name: string): State {
    return this.#younger.get(name) ?? this.#rejuvenate(name);
  }

  #rejuvenate(name: string): State {
    const state = this.#older.get(name) ?? this.#options.create();
    this.#older.delete(name);
    if (this.#younger.size >= this.#options.max / 2) this.#age();
    this.#younger.set(name, state);
    return state;
  }

  #age(): void {
    const { evicted } = this.#options;
    if (evicted) for (const state of this.#older.values()) evicted(state);
    this.#older = this.#younger;
    this.#younger = new Map();
  }
}
