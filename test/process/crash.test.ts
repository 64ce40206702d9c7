import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLoad } from '../../bench/load.js';
import {
  listAllTraces,
  missingOrDoubled,
  sendContinuously,
  startGateway,
  temporaryDirectory,
  untilBusy,
  untilDrained,
} from '../helpers/gateway.js';
import { message } from '../otlp/wire.js';

const KILLS = 20;

describe('a gateway that is killed', () => {
  it(`under load, ${KILLS} times, has every acknowledged span once after each restart`, {
    timeout: 300_000,
  }, async () => {
    const dataDirectory = temporaryDirectory();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < KILLS; round++) {
      const gateway = await startGateway({ dataDirectory });
      const load = createLoad({
        shape: 'small',
        spans: 64,
        encoding: round % 2 ? 'json' : 'protobuf',
        seed: round + 1,
      });
      const sending = sendContinuously(gateway.otlpHttp, load, 8);
      await untilBusy(sending);
      await gateway.kill();
      await sending.stop();
      for (const [id, spans] of sending.acknowledged.traces) acknowledged.set(id, spans);
    }
    const gateway = await startGateway({ dataDirectory });
    await untilDrained(gateway.api);
    expect(acknowledged.size).toBeGreaterThan(KILLS);
    expect(missingOrDoubled(acknowledged, await listAllTraces(gateway.api))).toEqual([]);
    expect(await gateway.stop()).toBe(0);
  });

  it('with several writers has every acknowledged span once, whatever their number is next time', async () => {
    const dataDirectory = temporaryDirectory();
    const acknowledged = new Map<string, number>();
    for (const [round, writers] of ['3', '1', '2'].entries()) {
      const gateway = await startGateway({ dataDirectory, env: { WORKERS: writers, BATCH_MAX_ITEMS: '500' } });
      const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 100 + round });
      const sending = sendContinuously(gateway.otlpHttp, load, 8);
      await untilBusy(sending);
      await gateway.kill();
      await sending.stop();
      for (const [id, spans] of sending.acknowledged.traces) acknowledged.set(id, spans);
    }
    const gateway = await startGateway({ dataDirectory });
    await untilDrained(gateway.api);
    expect(acknowledged.size).toBeGreaterThan(0);
    expect(missingOrDoubled(acknowledged, await listAllTraces(gateway.api))).toEqual([]);
  });
});

/** The segment that was written last. */
function newestSegment(dataDirectory: string): string {
  const folder = path.join(dataDirectory, 'buffer');
  const segments = readdirSync(folder)
    .filter((name) => name.startsWith('segment'))
    .map((name) => path.join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return segments[0]!;
}

/** Where the last byte that is not zero stands: segments are made at their full size. */
function lastWritten(file: string): number {
  const bytes = readFileSync(file);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function overwrite(file: string, offset: number, bytes: Buffer): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

/**
 * A gateway that can't store (its linger outlasts the test) and is killed after so many acknowledged requests: all of
 * them are in the buffer, and nowhere else.
 */
async function fillBuffer(dataDirectory: string, requests: number): Promise<Map<string, number>[]> {
  const gateway = await startGateway({ dataDirectory, env: { BATCH_LINGER_MS: '60000' } });
  const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 7 });
  const sent: Map<string, number>[] = [];
  for (let index = 0; index < requests; index++) {
    const body = new Uint8Array(load.next());
    const response = await fetch(`${gateway.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': load.contentType },
      body,
    });
    expect(response.status).toBe(200);
    sent.push(new Map(load.latestTraceIds().map((id) => [id, 8])));
  }
  await gateway.kill();
  return sent;
}

describe('a buffer that is damaged', () => {
  it('by a torn last frame loses nothing before it, and takes new frames', async () => {
    const dataDirectory = temporaryDirectory();
    const sent = await fillBuffer(dataDirectory, 10);
    const segment = newestSegment(dataDirectory);
    const end = lastWritten(segment);
    overwrite(segment, end - 500, Buffer.alloc(1000));

    const gateway = await startGateway({ dataDirectory });
    await untilDrained(gateway.api);
    const whole = new Map(sent.slice(0, 9).flatMap((traces) => [...traces]));
    expect(missingOrDoubled(whole, await listAllTraces(gateway.api))).toEqual([]);

    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 8 });
    const sending = sendContinuously(gateway.otlpHttp, load, 2);
    await untilBusy(sending);
    await sending.stop();
    await untilDrained(gateway.api);
    expect(sending.acknowledged.requests).toBeGreaterThan(0);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
  });

  it('by a flipped byte loses that frame alone, and says so', async () => {
    const dataDirectory = temporaryDirectory();
    const sent = await fillBuffer(dataDirectory, 10);
    const segment = newestSegment(dataDirectory);
    const bytes = readFileSync(segment);
    const victim = Buffer.from([...sent[4]!.keys()][0]!, 'hex');
    const offset = bytes.indexOf(victim);
    expect(offset).toBeGreaterThan(0);
    overwrite(segment, offset, Buffer.from([bytes[offset]! ^ 0xff]));

    const gateway = await startGateway({ dataDirectory });
    await untilDrained(gateway.api);
    const others = new Map(sent.flatMap((traces, index) => (index === 4 ? [] : [...traces])));
    const stored = await listAllTraces(gateway.api);
    expect(missingOrDoubled(others, stored)).toEqual([]);
    expect(stored).toHaveLength(others.size);
    expect(gateway.output.some((line) => /damaged/i.test(line))).toBe(true);
  });
});

describe('a request that takes more memory than a writer has', () => {
  it('is set aside, and what comes behind it is stored', async () => {
    const gateway = await startGateway({
      dataDirectory: temporaryDirectory(),
      env: { NODE_OPTIONS: '--max-old-space-size=120' },
    });
    const emptyRecords = Buffer.alloc(1_800_000, Buffer.from([0x12, 0]));
    const deadly = await fetch(`${gateway.otlpHttp}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(message(1, message(2, emptyRecords))),
    });
    expect(deadly.status).toBe(200);
    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 9 });
    const sending = sendContinuously(gateway.otlpHttp, load, 1);
    while (sending.acknowledged.requests < 5) await sleep(10);
    await sending.stop();
    await untilDrained(gateway.api);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
    expect(await gateway.stop()).toBe(0);
  });
});
