/** Counts what a check rejects, by reason, and says it. */
export const REASONS = [
  'trace id is not 16 bytes',
  'trace id is all zero',
  'span id is not 8 bytes',
  'span id is all zero',
  'parent span id is not 8 bytes',
  'trace id is not hex but looks base64',
  'span id is not hex but looks base64',
  'parent span id is not hex but looks base64',
  'trace id is not hex',
  'span id is not hex',
  'parent span id is not hex',
] as const;

export type Reason = (typeof REASONS)[number];

export class Rejections {
  total = 0;
  /** Byte ranges of the rejected items, ascending: start, end, start, end, … */
  readonly cuts: number[] = [];
  private readonly counts = new Map<Reason, number>();

  add(reason: Reason): void {
    this.total += 1;
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }

  /** Neighbours become one range. */
  cut(start: number, end: number): void {
    if (this.cuts.at(-1) === start) this.cuts[this.cuts.length - 1] = end;
    else this.cuts.push(start, end);
  }

  /** `2 of 5 spans were rejected: trace id is all zero (1), span id is not 8 bytes (1)` */
  message(accepted: number): string {
    if (this.total === 0) return '';
    const reasons = [...this.counts].map(([reason, count]) => `${reason} (${count})`);
    return `${this.total} of ${this.total + accepted} spans were rejected: ${reasons.join(', ')}`;
  }
}
