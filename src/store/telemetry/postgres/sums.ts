/** The columns of sums, which sessions, users and rollups have, in statements that add to them. */
import { SUM_COLUMNS } from '../rollups.js';

export const SUMS = SUM_COLUMNS.join(', ');
/** As they go over the wire, under short names and without zeros: most sums of a batch are. */
export const SENT_TYPES = SUM_COLUMNS.map((_, at) => `s${at} numeric`).join(', ');
export const SENT = SUM_COLUMNS.map((_, at) => `coalesce(s${at}, 0)`).join(', ');
export const ADDED = SUM_COLUMNS.map((column) => `${column} = known.${column} + excluded.${column}`).join(', ');

export function amountsOf(amounts: readonly bigint[]): Record<string, bigint> {
  const sent: Record<string, bigint> = {};
  for (const [at, amount] of amounts.entries()) if (amount !== 0n) sent[`s${at}`] = amount;
  return sent;
}
