/** Which sequences of a buffer are stored: committed with the rows, so a replay writes nothing twice. */
import pg from 'pg';
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

/** BEGIN and the ledger's rows. Waits for a transaction that is applying some of the same sequences. */
export function beginApplying(bufferId: string, ranges: readonly SequenceRange[]): string[] {
  const buffer = pg.escapeLiteral(bufferId);
  const values = ranges.map(({ first, last }) => `(${buffer}, ${first}, ${last})`);
  return ['begin', `insert into applied_ranges (buffer_id, first_sequence, last_sequence) values ${values.join(', ')}`];
}

/** Of frames that are applied with nothing written: a replay tells the same of them. */
export function noteUnwritten(bufferId: string, sequences: readonly number[]): string[] {
  if (sequences.length === 0) return [];
  const values = sequences.map((sequence) => `(${pg.escapeLiteral(bufferId)}, ${sequence})`);
  return [`insert into unwritten_frames (buffer_id, sequence) values ${values.join(', ')}`];
}

export async function readUnwritten(
  query: Queries['rows'],
  bufferId: string,
  { first, last }: SequenceRange,
): Promise<Set<number>> {
  const rows = await query<{ sequence: string }>(
    `select sequence::text as sequence from unwritten_frames where buffer_id = $1 and sequence between $2 and $3`,
    [bufferId, first, last],
  );
  return new Set(rows.map(({ sequence }) => Number(sequence)));
}

export async function forgetBefore(query: Queries['rows'], bufferId: string, before: number): Promise<void> {
  await query('delete from applied_ranges where buffer_id = $1 and last_sequence < $2', [bufferId, before]);
  await query('delete from unwritten_frames where buffer_id = $1 and sequence < $2', [bufferId, before]);
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
