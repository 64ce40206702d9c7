import { describe, expect, it } from 'vitest';
import { Listing } from '../../src/registry/git/listing.js';

describe('the files of a commit', () => {
  const listed: string[] = [];
  const make = (pages: [string, string][][] = [[['a', '1']], [['b', '2']]]) => {
    listed.length = 0;
    return new Listing({
      async *list(commit) {
        listed.push(commit);
        yield* pages;
      },
    });
  };
  const ask = (listing: Listing, commit: string, times: number) => {
    for (let time = 0; time < times; time++) listing.find(commit, 'a');
  };

  it('that few are asked of are not listed, and are git’s to know', async () => {
    const listing = make();
    for (let commit = 0; commit < 1_000; commit++) ask(listing, `c${commit}`, 2);
    expect([listing.find('c1', 'a'), listed]).toEqual([undefined, []]);
    await listing.close();
  });

  it('that many are asked of are known: those that are there, and those that are not', async () => {
    const listing = make();
    ask(listing, 'c', 500);
    await expect.poll(() => listing.find('c', 'a')).toBe('1');
    expect([listing.find('c', 'b'), listing.find('c', 'x'), listing.find('d', 'a')]).toEqual([
      '2',
      'missing',
      undefined,
    ]);
    expect(listed).toEqual(['c']);
    await listing.close();
    expect(listing.find('c', 'a')).toBeUndefined();
  });

  it('of a third commit take the place of those that were used least recently', async () => {
    const listing = make();
    for (const commit of ['c', 'd']) {
      ask(listing, commit, 200);
      await expect.poll(() => listing.find(commit, 'a')).toBe('1');
    }
    listing.find('c', 'a');
    ask(listing, 'e', 200);
    await expect.poll(() => listing.find('e', 'a')).toBe('1');
    expect([listing.find('c', 'a'), listing.find('d', 'a')]).toEqual(['1', undefined]);
    await listing.close();
  });

  it('that are too many are not kept: git is asked', async () => {
    const listing = make([Array.from({ length: 200_001 }, (_, at) => [`f${at}`, String(at)])]);
    ask(listing, 'c', 200);
    await expect.poll(() => listed).toEqual(['c']);
    ask(listing, 'c', 500);
    expect([listing.find('c', 'f1'), listed]).toEqual([undefined, ['c']]);
    await listing.close();
  });
});
