/** The first of many in some order. Those that stand behind enough others are let go on the way, and not sorted with them. */
export class Leaders<Item> {
  private items: Item[] = [];
  /** So many stand before it that what stands behind it is of no interest. */
  private last: Item | undefined;

  constructor(
    private readonly limit: number,
    private readonly compare: (a: Item, b: Item) => number,
  ) {}

  add(item: Item): void {
    if (this.last !== undefined && this.compare(item, this.last) > 0) return;
    this.items.push(item);
    if (this.items.length >= 2 * this.limit) this.last = this.sorted().at(-1);
  }

  sorted(): Item[] {
    this.items = this.items.sort(this.compare).slice(0, this.limit);
    return this.items;
  }
}
