import type { CursorFile, KeptCursors } from './cursors.js';
import type { BufferEvents } from './events.js';
import type { Follower } from './follower.js';

/** How long cursors may have moved before they are kept. */
const DELAY_MS = 200;

/** Writes the cursors of the followers, off the path of the data: soon after one moved, and at the end. */
export class CursorKeeper {
  readonly #file: CursorFile;
  readonly #followers: ReadonlyMap<string, Follower>;
  readonly #events: BufferEvents;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #stopped = false;
  #failing = false;

  constructor(file: CursorFile, followers: ReadonlyMap<string, Follower>, events: BufferEvents) {
    this.#file = file;
    this.#followers = followers;
    this.#events = events;
  }

  open(): Promise<KeptCursors> {
    return this.#file.open();
  }

  soon(): void {
    if (this.#stopped || this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), DELAY_MS).unref();
  }

  /** With `nextSequence`, also that the buffer ended orderly. */
  async now(nextSequence?: number): Promise<void> {
    const followers = [...this.#followers.values()];
    const cursors = Object.fromEntries(followers.map(({ name, cursor }) => [name, cursor]));
    await this.#file.write(cursors, nextSequence);
    for (const follower of followers) follower.persisted(cursors[follower.name]!);
  }

  /** Resolves when nothing is written any more, nor will be by itself. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#writing;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #write(): void {
    this.#timer = undefined;
    this.#writing = this.now().then(
      () => this.#settled(undefined),
      (error: unknown) => this.#settled(error),
    );
  }

  #settled(error: unknown): void {
    this.#writing = undefined;
    if (error !== undefined && !this.#failing) this.#events.cursorsNotKept(error);
    this.#failing = error !== undefined;
    if ([...this.#followers.values()].some((one) => one.cursor !== one.persistedCursor())) this.soon();
  }
}
