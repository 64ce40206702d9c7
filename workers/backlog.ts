/** What stood in the buffer when the drain was started, and when all of it is in the store. */
import type { FrameRange } from '../src/component.js';
import { Progress } from './progress.js';

export class Backlog {
  private readonly progress = new Progress();
  private frames: number | undefined;
  private until = 0;
  private announceTaken = () => {};
  private readonly allTaken = new Promise<void>((resolve) => {
    this.announceTaken = resolve;
  });

  /** How many frames there are at the start. */
  begin(frames: number): void {
    this.frames = frames;
    if (frames === 0) this.announceTaken();
  }

  taken(range: FrameRange): void {
    this.progress.begin(range);
    if (!this.frames) return;
    this.frames = Math.max(0, this.frames - range.frames);
    this.until = range.lastSequence;
    if (this.frames === 0) this.announceTaken();
  }

  stored(range: FrameRange): void {
    this.progress.end(range);
  }

  async cleared(): Promise<void> {
    await this.allTaken;
    await this.progress.endedBefore(this.until + 1);
  }
}
