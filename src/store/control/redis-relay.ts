/**
 * A second way on which gateways hear of each other's changes: Redis publish/subscribe, where one is shared anyway. It
 * goes on where Postgres can't notify (behind a pooler that lends connections) or its listener is down. Redis repeats
 * nothing, and tells nobody what was lost. That's why every message says how many changes its sender has told of so far,
 * each gateway says so every second, too, and one that isn't heard any more without a goodbye may be telling changes to
 * nobody: what is missing is noticed within seconds, and it counts as listening only while it hears itself and all others.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { within } from '../deadline.js';
import type { Listener } from './listener.js';

export interface Relay extends Listener {
  /** To the other gateways, as far as they can be reached now. Never throws. */
  publish(payload: string): void;
}

export interface RedisRelayOptions {
  url: string;
  onNotification(payload: string): void;
  /** It listens after a time in which it didn't, or something that was told has not arrived. */
  onMissed(): void;
  heartbeatMs?: number;
  forgetMs?: number;
}

export const RELAY_CHANNEL = 'promptmetrics_relayed_changes';
const HEARTBEAT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 1_000;
/** Heartbeats without an echo after which it counts as deaf; so many heartbeats of another one, and that one as silent. */
const MAX_QUIET_BEATS = 2;
/** And after which the connections are made anew: the other end may be gone without a word. */
const MAX_UNHEARD = 3;
/** Who was silent for so long is taken for ended, as by SIGKILL. */
const FORGET_MS = 600_000;
const GOODBYE_TIMEOUT_MS = 1_000;

const messageSchema = z.object({
  from: z.string(),
  /** Changes that the sender has told of, or tried to, this one included. */
  told: z.int().min(0),
  /** None: a heartbeat. */
  payload: z.string().optional(),
  /** The sender ends. */
  bye: z.boolean().optional(),
});
type Message = z.infer<typeof messageSchema>;

/** undefined for what somebody else sends there. */
function readMessage(text: string): Message | undefined {
  try {
    return messageSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Another gateway. */
interface Peer {
  told: number;
  /** As `performance.now()` counts. */
  heardAtMs: number;
}

function connectionTo(url: string, Client: typeof Redis): Redis {
  const connection = new Client(url, {
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
  private ended = false;
  private unheard = 0;
  private told = 0;
  private readonly peers = new Map<string, Peer>();
  /** Those of them that may be telling what nobody hears. */
  private readonly silent = new Set<string>();
  private readonly id = randomUUID();

  constructor(private readonly options: RedisRelayOptions) {}

  /** The client is loaded where there is a Redis: it takes a start a tenth of a second. */
  async start(): Promise<void> {
    this.ended = false;
    const { Redis: Client } = await import('ioredis');
    if (this.ended) return;
    const sender = connectionTo(this.options.url, Client);
    const receiver = connectionTo(this.options.url, Client);
    this.sender = sender;
    this.receiver = receiver;
    receiver.on('message', (_channel: string, text: string) => {
      // What was on its way at the end is heard no more.
      if (this.receiver === receiver) this.hear(text);
    });
    receiver.on('ready', () => void this.subscribe(receiver));
    receiver.on('close', () => this.lose());
    sender.on('ready', () => this.greet());
    this.timer = setInterval(() => this.beat(), this.heartbeatMs).unref();
    const connected = [sender, receiver].map((connection) => connection.connect().catch(() => {}));
    await within(CONNECT_TIMEOUT_MS, Promise.all(connected));
  }

  listening(): boolean {
    return this.heard && this.silent.size === 0;
  }

  /** One that fails is counted like the others: the next heartbeat that arrives shows that it has not. */
  publish(payload: string): void {
    this.told++;
    void this.send({ payload });
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.ended = true;
    clearInterval(this.timer);
    const { sender, receiver } = this;
    this.sender = undefined;
    this.receiver = undefined;
    this.heard = false;
    this.peers.clear();
    this.silent.clear();
    receiver?.disconnect();
    await within(Math.min(deadlineMs, GOODBYE_TIMEOUT_MS), this.send({ bye: true }, sender));
    sender?.disconnect();
  }

  private async subscribe(receiver: Redis): Promise<void> {
    try {
      await receiver.subscribe(RELAY_CHANNEL);
      this.greet();
    } catch {
      this.lose();
    }
  }

  private async send(message: Partial<Message>, sender = this.sender): Promise<void> {
    const text = JSON.stringify({ from: this.id, told: this.told, ...message } satisfies Message);
    await sender?.publish(RELAY_CHANNEL, text).catch(() => {});
  }

  private hear(text: string): void {
    const message = readMessage(text);
    if (message?.from === this.id) this.hearItself();
    else if (message) this.hearPeer(message);
  }

  private hearItself(): void {
    this.unheard = 0;
    if (this.heard) return;
    this.heard = true;
    for (const peer of this.peers.values()) peer.heardAtMs = performance.now();
    this.options.onMissed();
  }

  private hearPeer({ from, told, payload, bye }: Message): void {
    const before = this.peers.get(from)?.told ?? 0;
    this.silent.delete(from);
    if (bye) this.peers.delete(from);
    else this.peers.set(from, { told, heardAtMs: performance.now() });
    const isNext = told === before + (payload === undefined ? 0 : 1);
    // Before it hears itself again, nothing is kept for long, and all counts as missed when it does.
    if (!isNext && this.heard) this.options.onMissed();
    if (payload !== undefined) this.options.onNotification(payload);
  }

  private beat(): void {
    if (this.unheard >= MAX_QUIET_BEATS) this.lose();
    if (this.heard) this.listenForPeers();
    if (this.unheard++ >= MAX_UNHEARD) this.reconnect();
    else this.greet();
  }

  private listenForPeers(): void {
    const known = this.silent.size;
    for (const [id, { heardAtMs }] of this.peers) this.judge(id, performance.now() - heardAtMs);
    if (this.silent.size > known) this.options.onMissed();
  }

  private judge(id: string, quietMs: number): void {
    const { forgetMs = FORGET_MS } = this.options;
    if (quietMs > (MAX_QUIET_BEATS + 1) * this.heartbeatMs) this.silent.add(id);
    if (quietMs <= forgetMs) return;
    this.peers.delete(id);
    this.silent.delete(id);
  }

  private get heartbeatMs(): number {
    return this.options.heartbeatMs ?? HEARTBEAT_MS;
  }

  private greet(): void {
    void this.send({});
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
