import { expect } from 'vitest';
import type { Keyset, Page } from '../../../src/store/page.js';

/** Follows `next` to the end; `between` runs after each page. */
export async function pages<Item>(
  list: (after: Keyset | undefined) => Promise<Page<Item>>,
  between: () => Promise<unknown> = async () => {},
): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: Keyset | undefined, page = 0; page < 200; page++) {
    const result = await list(after);
    items.push(...result.items);
    if (!result.next) return items;
    after = result.next;
    await between();
  }
  throw new Error('the pages do not end');
}

/** Every page of a list, to its end. */
export async function allPages<Item>(list: (after: Keyset | undefined) => Promise<Page<Item>>): Promise<Page<Item>[]> {
  const all: Page<Item>[] = [];
  await pages(async (after) => {
    const page = await list(after);
    all.push(page);
    return page;
  });
  return all;
}

/** Pages that their budget ended: at least one, and none claims to have seen everything. */
export function expectPartial(all: readonly Page<unknown>[], limit: number): void {
  const partial = all.filter(({ items, next }) => next !== undefined && items.length < limit);
  expect(partial.length).toBeGreaterThan(0);
  for (const { items, totalRelation, total } of partial) {
    expect(totalRelation).toBe('gte');
    expect(total).toBeGreaterThanOrEqual(items.length);
  }
}

export function following<Query extends object>(query: Query, after: Keyset | undefined): Query & { after?: Keyset } {
  return after ? { ...query, after } : query;
}
