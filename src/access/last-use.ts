/** When keys were last used: gathered off the request's path, written at most so often for each key. */
import type { ApiKeys } from '../store/control/api-keys.js';
import type { KnownKey } from './key-cache.js';
import { Lru } from './lru.js';

export interface LastUseOptions {
  apiKeys: Pick<ApiKeys, 'touchLastUsed'>;
  debounceMs: number;
  maxKeys: number;
  now: () => number;
  onFailure(error: unknown): void;
}

/** Uses of many keys go out together. */
const GATHER_MS = 1_000;

export class LastUse {
  /** Milliseconds: when a use of the key was last noted here. */
  private readonly noted: Lru<number, number>;
  /** Seconds, by key id: not written yet. */
  private waiting = new Map<number, number>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: LastUseOptions) {
    this.noted = new Lru(options.maxKeys);
  }

  note({ id, lastUsedAt }: KnownKey): void {
    const { debounceMs, maxKeys, now } = this.options;
    const nowMs = now();
    const before = Math.max(this.noted.peek(id) ?? 0, (lastUsedAt ?? 0) * 1000);
    if (nowMs - before < debounceMs || this.waiting.size >= maxKeys) return;
    this.noted.set(id, nowMs);
    this.waiting.set(id, Math.floor(nowMs / 1000));
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  /** Never rejects: what could not be written is tried again with the next uses. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  /** Forgets what is waiting, and stops. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async write(): Promise<void> {
    const uses = this.waiting;
    if (uses.size === 0) return;
    this.waiting = new Map();
    try {
      await this.options.apiKeys.touchLastUsed([...uses].map(([id, usedAt]) => ({ id, usedAt })));
    } catch (error) {
      this.waiting = new Map([...uses, ...this.waiting]);
      this.options.onFailure(error);
    }
  }
}
