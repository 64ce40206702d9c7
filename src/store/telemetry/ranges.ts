/** Sets of buffer sequences as sorted ranges that neither overlap nor touch. */
import type { SequenceRange } from '../../component.js';

/** Sorted, with overlapping and adjoining ranges joined. */
export function mergeRanges(ranges: readonly SequenceRange[]): SequenceRange[] {
  const merged: SequenceRange[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** Whether one of the merged ranges holds all of `range`. */
export function covers(merged: readonly SequenceRange[], range: SequenceRange): boolean {
  return merged.some(({ first, last }) => first <= range.first && last >= range.last);
}

export function includes(merged: readonly SequenceRange[], sequence: number): boolean {
  return covers(merged, { first: sequence, last: sequence });
}
