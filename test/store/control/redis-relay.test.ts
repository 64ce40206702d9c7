import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisRelay, type Relay } from '../../../src/store/control/redis-relay.js';
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

  const open = async (hear = (_payload: string) => {}, url = redis!.url) => {
    const relay = createRedisRelay({
      url,
      heartbeatMs: 50,
      onNotification: hear,
      onMissed: () => void missed++,
    });
    relays.push(relay);
    await relay.start();
    return relay;
  };
  const pair = async () => {
    const sender = await open();
    const receiver = await open((payload) => void heard.push(payload));
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
    expect(missed - before).toBe(2);
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

  it('are heard no more after the end', async () => {
    const { sender, receiver } = await pair();
    await receiver.shutdown({ deadlineMs: 1_000 });
    expect(receiver.listening()).toBe(false);
    sender.publish('late');
    await sleep(200);
    expect(heard).toEqual([]);
  });
});
