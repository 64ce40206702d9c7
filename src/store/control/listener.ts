/**
 * The one connection that hears what other gateways change (Postgres LISTEN). It comes back by itself, and says so:
 * nobody repeats what was sent meanwhile. Behind a pooler that lends a connection per transaction LISTEN succeeds and
 * nothing is ever heard; that's why it counts as listening only while it hears its own voice.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { within } from '../deadline.js';
import { CHANGE_CHANNEL } from './changes.js';

export interface Listener {
  /** Resolves after the first attempt, whatever came of it. */
  start(): Promise<void>;
  /** Whether changes by other gateways are heard as they happen. */
  listening(): boolean;
  shutdown(options: { deadlineMs: number }): Promise<void>;
}

export interface ListenerOptions {
  connectionString: string;
  onNotification(payload: string): void;
  /** It listens after a time in which it didn't. */
  onMissed(): void;
  heartbeatMs?: number;
}

const HEARTBEAT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

class PostgresListener implements Listener {
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private heard = false;
  /** Heartbeats that were sent since one came back. */
  private unheard = 0;
  private retryMs = FIRST_RETRY_MS;
  /** Nobody else listens there: a heartbeat wakes no other gateway. */
  private readonly ownChannel = `promptmetrics_${randomUUID().replaceAll('-', '')}`;

  constructor(private readonly options: ListenerOptions) {}

  start(): Promise<void> {
    this.stopped = false;
    return this.connect();
  }

  listening(): boolean {
    return this.heard;
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    this.heard = false;
    if (client) await within(deadlineMs, end(client));
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.options.connectionString,
      connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'promptmetrics changes',
    });
    this.client = client;
    client.on('error', () => this.lose(client));
    client.on('end', () => this.lose(client));
    client.on('notification', (message) => this.hear(message));
    try {
      await client.connect();
      await client.query(`listen ${CHANGE_CHANNEL}; listen ${this.ownChannel}`);
      await this.beat(client);
    } catch {
      this.lose(client);
    }
  }

  private hear({ channel, payload = '' }: pg.Notification): void {
    if (channel === CHANGE_CHANNEL) this.options.onNotification(payload);
    else this.hearHeartbeat();
  }

  private hearHeartbeat(): void {
    this.unheard = 0;
    this.retryMs = FIRST_RETRY_MS;
    if (this.heard) return;
    this.heard = true;
    this.options.onMissed();
  }

  /** The notification comes back before the answer of the query that sends it, or right behind it. */
  private async beat(client: pg.Client): Promise<void> {
    if (this.unheard++ > 0) this.heard = false;
    await client.query(`notify ${this.ownChannel}`);
    if (this.client !== client) return;
    this.timer = setTimeout(() => {
      this.beat(client).catch(() => this.lose(client));
    }, this.options.heartbeatMs ?? HEARTBEAT_MS);
    this.timer.unref();
  }

  private lose(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.heard = false;
    this.unheard = 0;
    clearTimeout(this.timer);
    void end(client);
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.connect(), this.retryMs);
    this.timer.unref();
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }
}

/** A server that is gone without a word would keep a polite goodbye waiting. */
async function end(client: pg.Client): Promise<void> {
  await within(
    ANSWER_TIMEOUT_MS,
    client.end().catch(() => {}),
  );
}

export function createListener(options: ListenerOptions): Listener {
  return new PostgresListener(options);
}
