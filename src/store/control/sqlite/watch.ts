/**
 * Hears that another process has written to the SQLite control database (a command beside the gateway, a person with
 * `sqlite3`): SQLite counts the commits of other connections, and is asked for that number a few times a second.
 */
import type { TaskPool } from '../../../component.js';
import type { Listener } from '../listener.js';
import type { Reply } from './messages.js';

export interface WatchOptions {
  file: string;
  thread: TaskPool;
  /** Another process has changed something; what, nobody tells. */
  onMissed(): void;
  intervalMs?: number;
}

const INTERVAL_MS = 250;
/** A thread that has not answered for so long may have changes to tell of. */
const SILENT_MS = 1_000;

class FileWatch implements Listener {
  private timer: NodeJS.Timeout | undefined;
  private version: number | undefined;
  private answeredAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;

  constructor(private readonly options: WatchOptions) {}

  async start(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined;
      });
    }, this.options.intervalMs ?? INTERVAL_MS);
    this.timer.unref();
  }

  listening(): boolean {
    return performance.now() - this.answeredAtMs < SILENT_MS;
  }

  async shutdown(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.answeredAtMs = Number.NEGATIVE_INFINITY;
    await this.looking;
  }

  private async look(): Promise<void> {
    const askedAtMs = performance.now();
    const version = await this.ask();
    if (version === undefined) return;
    const { version: before } = this;
    const wasSilent = !this.listening();
    this.version = version;
    this.answeredAtMs = askedAtMs;
    if (before !== undefined && (before !== version || wasSilent)) this.options.onMissed();
  }

  /** undefined while the thread can't tell. */
  private async ask(): Promise<number | undefined> {
    const { file, thread } = this.options;
    const statement = { file, place: 'write', sql: '', parameters: [] } as const;
    const reply = await thread.run<Reply>('version', statement).catch(() => undefined);
    return reply && 'rows' in reply ? (reply.rows[0] as number) : undefined;
  }
}

export function createWatch(options: WatchOptions): Listener {
  return new FileWatch(options);
}
