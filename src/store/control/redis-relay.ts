/**
 * A second way on which gateways hear of each other's changes: Redis publish/subscribe, where one is shared anyway. It
 * goes on where Postgres can't notify (behind a pooler that lends connections) or its listener is down. Nothing is
 * repeated to who was away; that's why it counts as listening only while it hears its own voice, and says when it does again.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { within } from '../deadline.js';
import { CHANGE_CHANNEL } from './changes.js';
import type { Listener } from './listener.js';

export interface Relay extends Listener {
  /** To the other gateways, as far as they can be reached now. Never throws. */
  publish(payload: string): void;
}

export interface RedisRelayOptions {
  url: string;
  onNotification(payload: string): void;
  /** It listens after a time in which it didn't. */
  onMissed(): void;
  heartbeatMs?: number;
}

const HEARTBEAT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 1_000;
/** Heartbeats without an echo after which the connections are made anew: the other end may be gone without a word. */
const MAX_UNHEARD = 3;

function connectionTo(url: string): Redis {
  const connection = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS),
    // What can't be told now is not told later: by then everything counts as missed.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
  });
  // Without a listener an error would end the process; whether it is heard says enough.
  connection.on('error', () => {});
  return connection;
}

class RedisRelay implements Relay {
  private sender: Redis | undefined;
  private receiver: Redis | undefined;
  private timer: NodeJS.Timeout | undefined;
  private heard = false;
  private unheard = 0;
  /** Nobody else listens there. */
  private readonly ownChannel = `promptmetrics_${randomUUID().replaceAll('-', '')}`;

  constructor(private readonly options: RedisRelayOptions) {}

  async start(): Promise<void> {
    const sender = connectionTo(this.options.url);
    const receiver = connectionTo(this.options.url);
    this.sender = sender;
    this.receiver = receiver;
    receiver.on('message', (channel: string, payload: string) => {
      // What was on its way at the end is heard no more.
      if (this.receiver === receiver) this.hear(channel, payload);
    });
    receiver.on('ready', () => void this.subscribe(receiver));
    receiver.on('close', () => this.lose());
    sender.on('ready', () => this.greet());
    this.timer = setInterval(() => this.beat(), this.options.heartbeatMs ?? HEARTBEAT_MS).unref();
    const connected = [sender, receiver].map((connection) => connection.connect().catch(() => {}));
    await within(CONNECT_TIMEOUT_MS, Promise.all(connected));
  }

  listening(): boolean {
    return this.heard;
  }

  publish(payload: string): void {
    this.sender?.publish(CHANGE_CHANNEL, payload).catch(() => {});
  }

  async shutdown(): Promise<void> {
    clearInterval(this.timer);
    this.sender?.disconnect();
    this.receiver?.disconnect();
    this.sender = undefined;
    this.receiver = undefined;
    this.heard = false;
  }

  private async subscribe(receiver: Redis): Promise<void> {
    try {
      await receiver.subscribe(CHANGE_CHANNEL, this.ownChannel);
      this.greet();
    } catch {
      this.lose();
    }
  }

  private hear(channel: string, payload: string): void {
    if (channel === CHANGE_CHANNEL) this.options.onNotification(payload);
    else this.hearHeartbeat();
  }

  private hearHeartbeat(): void {
    this.unheard = 0;
    if (this.heard) return;
    this.heard = true;
    this.options.onMissed();
  }

  private beat(): void {
    if (this.unheard > 0) this.heard = false;
    if (this.unheard++ >= MAX_UNHEARD) this.reconnect();
    else this.greet();
  }

  private greet(): void {
    this.sender?.publish(this.ownChannel, '').catch(() => {});
  }

  private lose(): void {
    this.heard = false;
  }

  private reconnect(): void {
    this.unheard = 0;
    for (const connection of [this.sender, this.receiver]) {
      if (connection?.status === 'ready') connection.disconnect(true);
    }
  }
}

export function createRedisRelay(options: RedisRelayOptions): Relay {
  return new RedisRelay(options);
}

/** For gateways that share no Redis. */
export const noRelay: Relay = {
  async start() {},
  listening: () => false,
  publish() {},
  async shutdown() {},
};
