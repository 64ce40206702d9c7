/**
 * What is known of frames at which a worker thread died: out of memory, mostly, in decoding one of them. From the first
 * death on the thread notes in shared memory which frame it is at. A frame at which it died twice more is not given to a
 * thread again; a thread that dies elsewhere condemns nothing.
 */

/** For a range at which a thread died. */
export interface Care {
  /** Shared memory: the sequence of the frame that the thread is at, 0 when at none. */
  at: Float64Array;
  /** Sequences that are not to be looked into: no thread survives it. */
  bury: readonly number[];
}

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

  /** The sequence that is condemned by that, if one is. */
  threadDied(): number | undefined {
    this.died = true;
    const sequence = this.at[0]!;
    if (sequence === 0) return undefined;
    const deaths = (this.deaths.get(sequence) ?? 0) + 1;
    this.deaths.set(sequence, deaths);
    return deaths === DEATHS_TO_BURY ? sequence : undefined;
  }
}
