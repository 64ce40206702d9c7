/** Which sequences of a buffer are stored: committed with the rows, so a replay writes nothing twice. */
import type pg from 'pg';
import type { SequenceRange } from '../../../component.js';
import { hasSqlState } from '../../postgres/errors.js';
import { mergeRanges } from '../ranges.js';
import type { Queries } from './queries.js';

const UNIQUE_VIOLATION = '23505';
const EXCLUSION_VIOLATION = '23P01';

/** The ranges overlap ones that are there: another transaction applied them, or this one's first try did. */
export function isAppliedAlready(error: unknown): boolean {
  return hasSqlState(error, EXCLUSION_VIOLATION) || hasSqlState(error, UNIQUE_VIOLATION);
}

/** BEGIN and the ledger's rows in one round trip. Waits for a transaction that is applying some of the same sequences. */
export async function beginApplying(
  client: pg.ClientBase,
  bufferId: string,
  ranges: readonly SequenceRange[],
): Promise<void> {
  const buffer = client.escapeLiteral(bufferId);
  const values = ranges.map(({ first, last }) => `(${buffer}, ${first}, ${last})`);
  await client.query(
    `begin; insert into applied_ranges (buffer_id, first_sequence, last_sequence) values ${values.join(', ')}`,
  );
}

/** Sorted, not overlapping, neighbours merged. */
export async function readApplied(
  query: Queries['rows'],
  bufferId: string,
  { first, last }: SequenceRange,
): Promise<SequenceRange[]> {
  const rows = await query<{ first: string; last: string }>(
    `select first_sequence::text as first, last_sequence::text as last from applied_ranges
     where buffer_id = $1 and last_sequence >= $2 and first_sequence <= $3 order by first_sequence`,
    [bufferId, first, last],
  );
  return mergeRanges(rows.map((row) => ({ first: Number(row.first), last: Number(row.last) })));
}

/** The parts of a range that none of the applied ones covers. */
export function gaps({ first, last }: SequenceRange, applied: readonly SequenceRange[]): SequenceRange[] {
  const found: SequenceRange[] = [];
  let next = first;
  for (const range of applied) {
    if (range.first > next) found.push({ first: next, last: range.first - 1 });
    next = Math.max(next, range.last + 1);
  }
  if (next <= last) found.push({ first: next, last });
  return found;
}
