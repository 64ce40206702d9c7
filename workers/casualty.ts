/**
 * What is known of a range at which the writer's thread died: out of memory, mostly, in decoding one frame. Such a range
 * is stored frame by frame from then on, and the thread notes in shared memory which one it is at. A frame at which it
 * died twice more goes to the dead letters as it is; a thread that dies elsewhere buries nothing.
 */
import type { Care } from './messages.js';

const DEATHS_TO_BURY = 2;

export class Casualty {
  private readonly at = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  private readonly deaths = new Map<number, number>();
  private died = false;

  /** How to go about the range at the next try; undefined as long as no thread died of it. */
  get care(): Care | undefined {
    if (!this.died) return undefined;
    this.at[0] = 0;
    const deadly = [...this.deaths].filter(([, deaths]) => deaths >= DEATHS_TO_BURY);
    return { at: this.at, bury: deadly.map(([sequence]) => sequence) };
  }

  threadDied(): void {
    const sequence = this.at[0]!;
    if (sequence > 0) this.deaths.set(sequence, (this.deaths.get(sequence) ?? 0) + 1);
    this.died = true;
  }
}
