/** A map with a bound: who was not asked for the longest time goes first. */
export class Lru<Key, Value> {
  private readonly entries = new Map<Key, Value>();

  /** `onEvict` hears what the bound pushes out. */
  constructor(
    private readonly maxEntries: number,
    private readonly onEvict: (key: Key, value: Value) => void = () => {},
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    // Far from the bound, who came last matters to nobody, and moving entries costs more than finding them.
    if (this.entries.size * 2 < this.maxEntries) return value;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  /** Without making it the youngest. */
  peek(key: Key): Value | undefined {
    return this.entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.maxEntries) return;
    const [oldest] = this.entries;
    this.entries.delete(oldest![0]);
    this.onEvict(...oldest!);
  }

  /** Another value in the same place. */
  replace(key: Key, value: Value): void {
    if (this.entries.has(key)) this.entries.set(key, value);
  }

  delete(key: Key): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.entries[Symbol.iterator]();
  }
}
