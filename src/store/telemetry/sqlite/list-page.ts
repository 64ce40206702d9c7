import { GatewayError } from '../../../errors.js';

/** Rows are counted up to here; past it a total is «at least». */
export const COUNT_BOUND = 10_000;
/** A count that takes longer than this tells what it has seen. */
export const COUNT_BUDGET_MS = 250;

export interface Total {
  total: number;
  totalRelation: 'eq' | 'gte';
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
