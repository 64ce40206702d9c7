/** A page out of what a scan yields, within its budget, and how many matches there are. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import type { ListQuery } from '../telemetry.js';
import type { Budget } from './budget.js';
import type { Catalog } from './catalog.js';
import type { TraceHolders } from './trace-holders.js';

/** Rows are counted up to here; past it a total is «at least». */
export const COUNT_BOUND = 10_000;

/** What a list reads from, and how long it may. */
export interface ListContext {
  catalog: Catalog;
  holders: TraceHolders;
  /** Of any one query. */
  budget: Budget;
  pageBudgetMs: number;
}

/** A scan yields its matches in order, and now and then how far it has looked. */
export type Step<Match, Place> = { match: Match } | { lookedTo: Place };

export interface Taken<Match, Place> {
  items: Match[];
  /** Matches seen, the skipped ones included. */
  found: number;
  /** Where the list goes on, and how many matches are still to be skipped there; undefined at its end. */
  next: { after: Match | Place; skip: number } | undefined;
  /** The budget ended before the page was full. */
  partial: boolean;
}

/** Leaves the scan where it is: it can be gone on with. Takes one step at least, however little the budget. */
export function takePage<Match, Place>(
  steps: Iterator<Step<Match, Place>>,
  { limit, skip }: { limit: number; skip: number },
  budget: Budget,
): Taken<Match, Place> {
  const matches: Match[] = [];
  const page = (next: Taken<Match, Place>['next'], partial: boolean) => {
    return { items: matches.slice(skip, skip + limit), found: matches.length, next, partial };
  };
  // One more than the page, to know whether there is a next.
  while (matches.length <= skip + limit) {
    const { value, done } = steps.next();
    if (done) return page(undefined, false);
    if ('match' in value) matches.push(value.match);
    else if (budget.isSpent()) return page({ after: value.lookedTo, skip: Math.max(skip - matches.length, 0) }, true);
  }
  return page({ after: matches[skip + limit - 1]!, skip: 0 }, false);
}

export function skipOf({ offset, after }: ListQuery): number {
  return offset ?? after?.skip ?? 0;
}

export function withSkip(keyset: Keyset, skip: number): Keyset {
  return skip > 0 ? { ...keyset, skip } : keyset;
}

export type Total = Pick<Page<never>, 'total' | 'totalRelation'>;

/** What a page that ended early has seen. */
export function atLeast(found: number): Total {
  return { total: found, totalRelation: 'gte' };
}

/** A count that was given up saw less than there is, but there is no less than the page has. */
export function noLessThan(found: number, { total, totalRelation }: Total): Total {
  return { total: totalRelation === 'gte' ? Math.max(total, found) : total, totalRelation };
}

/** Counts what `found` yields, up to the bound and for as long as the budget lasts. */
export function countUpToBound(counts: Iterable<number>): Total {
  let total = 0;
  try {
    for (const count of counts) {
      total += count;
      if (total > COUNT_BOUND) return { total: COUNT_BOUND, totalRelation: 'gte' };
    }
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'QUERY_TIMEOUT') throw error;
    return { total, totalRelation: 'gte' };
  }
  return { total, totalRelation: 'eq' };
}

/** Yields numbers that add up to the count: `counted`, and the matches that the scan still has. */
export function* countSteps(steps: Iterable<Step<unknown, unknown>>, budget: Budget, counted = 0): Generator<number> {
  yield counted;
  for (const step of steps) {
    if ('match' in step) yield 1;
    else budget.check();
  }
}
