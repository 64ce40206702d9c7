/** Whoever waits for a prompt to change. They are told that it may have, and look for themselves. */
import { GatewayError } from '../errors.js';

export interface Watch {
  /**
   * `changed`: something of the prompt has changed since the last call, perhaps during it. `waited`: not for so long.
   * `closed`: nothing is told any more.
   */
  next(timeoutMs: number): Promise<'changed' | 'waited' | 'closed'>;
  close(): void;
}

export interface WatchersOptions {
  maxWatchers: number;
}

function keyOf(workspace: string, name: string): string {
  return `${workspace}/${name}`;
}

class PromptWatch implements Watch {
  private state: 'waited' | 'changed' | 'closed' = 'waited';
  private wake = () => {};

  constructor(private readonly closing: (watch: PromptWatch) => void) {}

  async next(timeoutMs: number): Promise<'changed' | 'waited' | 'closed'> {
    if (this.state === 'waited') await this.sleep(timeoutMs);
    const { state } = this;
    if (state === 'changed') this.state = 'waited';
    return state;
  }

  change(): void {
    if (this.state === 'waited') this.state = 'changed';
    this.wake();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.closing(this);
    this.wake();
  }

  private sleep(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export class Watchers {
  private readonly byPrompt = new Map<string, Set<PromptWatch>>();
  private size = 0;
  private closed = false;

  constructor(private readonly options: WatchersOptions) {}

  /** Throws OVERLOADED when there are as many as there may be, SHUTTING_DOWN. */
  watch(workspace: string, name: string): Watch {
    if (this.closed) throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
    if (this.size >= this.options.maxWatchers) {
      throw new GatewayError('OVERLOADED', 'Too many wait for changes of prompts');
    }
    const key = keyOf(workspace, name);
    const watches = this.byPrompt.get(key) ?? new Set();
    const watch = new PromptWatch((closing) => this.remove(key, closing));
    this.byPrompt.set(key, watches.add(watch));
    this.size++;
    return watch;
  }

  tell(workspace: string, name: string): void {
    for (const watch of this.byPrompt.get(keyOf(workspace, name)) ?? []) watch.change();
  }

  tellAll(): void {
    for (const watches of this.byPrompt.values()) for (const watch of watches) watch.change();
  }

  open(): void {
    this.closed = false;
  }

  /** No further ones either, until it is opened again. */
  close(): void {
    this.closed = true;
    for (const watches of [...this.byPrompt.values()]) for (const watch of [...watches]) watch.close();
  }

  private remove(key: string, watch: PromptWatch): void {
    const watches = this.byPrompt.get(key);
    if (!watches?.delete(watch)) return;
    this.size--;
    if (watches.size === 0) this.byPrompt.delete(key);
  }
}
