/** Ranges of the buffer between their beginning, which is in order, and their end, which is not. */
import type { FrameRange } from '../src/component.js';

export class Progress {
  private readonly begun = new Set<number>();
  private readonly waiting = new Set<{ sequence: number; resolve: () => void }>();

  begin({ firstSequence }: FrameRange): void {
    this.begun.add(firstSequence);
  }

  end({ firstSequence }: FrameRange): void {
    this.begun.delete(firstSequence);
    for (const waiter of this.waiting) {
      if (!this.isEndedBefore(waiter.sequence)) continue;
      this.waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves when no range that begins before this sequence has begun and not ended. */
  endedBefore(sequence: number): Promise<void> {
    if (this.isEndedBefore(sequence)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.add({ sequence, resolve }));
  }

  private isEndedBefore(sequence: number): boolean {
    for (const first of this.begun) if (first < sequence) return false;
    return true;
  }
}
