import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisRelay, RELAY_CHANNEL, type Relay } from '../../../src/store/control/redis-relay.js';
import { startProxy } from '../../helpers/proxy.js';
import { startRedis } from '../../helpers/redis.js';

const redis = await startRedis();
afterAll(() => redis?.kill());

const PATIENCE = { timeout: 20_000, interval: 10 };

describe.skipIf(!redis)('changes over Redis', () => {
  const relays: Relay[] = [];
  let heard: string[];
  let missed: number;
  beforeEach(() => {
    heard = [];
    missed = 0;
  });
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.shutdown({ deadlineMs: 1_000 });
    await redis!.kill();
    await redis!.start();
  });

  interface Opening {
    hear?: (payload: string) => void;
    miss?: () => void;
    url?: string;
    forgetMs?: number;
  }
  const open = async ({ hear = () => {}, miss = () => void missed++, ...more }: Opening = {}) => {
    const relay = createRedisRelay({ url: redis!.url, heartbeatMs: 50, onNotification: hear, onMissed: miss, ...more });
    relays.push(relay);
    await relay.start();
    return relay;
  };
  const pair = async () => {
    const sender = await open();
    const receiver = await open({ hear: (payload) => void heard.push(payload) });
    await expect.poll(() => sender.listening() && receiver.listening(), PATIENCE).toBe(true);
    return { sender, receiver };
  };

  it('are heard by the others, in their order', async () => {
    const { sender } = await pair();
    for (const payload of ['1', '2', '3']) sender.publish(payload);
    await expect.poll(() => heard, PATIENCE).toEqual(['1', '2', '3']);
  });

  it('may have been missed while Redis was gone: it says so, and hears what comes after', async () => {
    const { sender, receiver } = await pair();
    await redis!.kill();
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(false);
    sender.publish('lost');
    const before = missed;
    await redis!.start();
    await expect.poll(() => sender.listening() && receiver.listening(), PATIENCE).toBe(true);
    await expect.poll(() => missed - before, PATIENCE).toBeGreaterThanOrEqual(2);
    sender.publish('heard');
    await expect.poll(() => heard, PATIENCE).toEqual(['heard']);
  });

  it('are not taken for heard while Redis answers nothing', async () => {
    const { receiver } = await pair();
    redis!.pause();
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(false);
    redis!.resume();
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(true);
  });

  it('come from where nobody listens at first, as soon as somebody does', async () => {
    await redis!.kill();
    const relay = await open();
    expect(relay.listening()).toBe(false);
    relay.publish('to nobody');
    await redis!.start();
    await expect.poll(() => relay.listening(), PATIENCE).toBe(true);
  });

  it('that were lost on their way are noticed as soon as the sender is heard again', async () => {
    const proxy = await startProxy(redis!.url);
    try {
      const sender = await open({ url: `redis://127.0.0.1:${proxy.port}`, miss: () => {} });
      const receiver = await open({ hear: (payload) => void heard.push(payload) });
      await expect.poll(() => sender.listening() && receiver.listening(), PATIENCE).toBe(true);
      proxy.cut();
      await expect.poll(() => sender.listening(), PATIENCE).toBe(false);
      // The receiver has heard everything so far; whom it hears no more may be telling what it doesn't hear.
      await expect.poll(() => receiver.listening(), PATIENCE).toBe(false);
      sender.publish('lost');
      const before = missed;
      proxy.restore();
      await expect.poll(() => sender.listening() && receiver.listening(), PATIENCE).toBe(true);
      await expect.poll(() => missed - before, PATIENCE).toBeGreaterThanOrEqual(1);
      sender.publish('heard');
      await expect.poll(() => heard, PATIENCE).toEqual(['heard']);
    } finally {
      await proxy.close();
    }
  });

  it('are noticed as lost by their number alone, while nobody has fallen silent', async () => {
    const receiver = await open({ hear: (payload) => void heard.push(payload) });
    const other = new Redis(redis!.url);
    try {
      await expect.poll(() => receiver.listening(), PATIENCE).toBe(true);
      const say = (message: object) => other.publish(RELAY_CHANNEL, JSON.stringify({ from: 'another', ...message }));
      await say({ told: 1, payload: 'first' });
      await expect.poll(() => heard, PATIENCE).toEqual(['first']);
      const before = missed;
      await say({ told: 1 });
      await say({ told: 3, payload: 'third' });
      await expect.poll(() => heard, PATIENCE).toEqual(['first', 'third']);
      expect(missed - before).toBeGreaterThanOrEqual(1);
      const between = missed;
      await say({ told: 4 });
      await expect.poll(() => missed - between, PATIENCE).toBeGreaterThanOrEqual(1);
      await say({ told: 4, bye: true });
    } finally {
      other.disconnect();
    }
  });

  it('of one that ends with a goodbye are not waited for', async () => {
    const { sender, receiver } = await pair();
    await sender.shutdown({ deadlineMs: 1_000 });
    await sleep(300);
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(true);
  });

  it('of one that is killed are waited for, and not for ever', async () => {
    const receiver = await open({ forgetMs: 1_000 });
    const other = new Redis(redis!.url);
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(true);
    await other.publish(RELAY_CHANNEL, JSON.stringify({ from: 'another', told: 0 }));
    other.disconnect();
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(false);
    await expect.poll(() => receiver.listening(), PATIENCE).toBe(true);
  });

  it('are heard no more after the end', async () => {
    const { sender, receiver } = await pair();
    await receiver.shutdown({ deadlineMs: 1_000 });
    expect(receiver.listening()).toBe(false);
    sender.publish('late');
    await sleep(200);
    expect(heard).toEqual([]);
  });
});
