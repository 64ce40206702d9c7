/** A process that opens a buffer, for the tests that need a second one. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createBuffer, type DurableBuffer } from '../../src/buffer/buffer.js';
import { bufferSettings } from '../../src/buffer/config.js';
import { nopBufferEvents } from '../../src/buffer/events.js';
import { readFrames } from '../../src/buffer/reader.js';
import type { FrameInput } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';

const [task, directory = ''] = process.argv.slice(2);

function buffer(maxBytes: string): DurableBuffer {
  const config = bufferSettings.parse({ maxBytes });
  return createBuffer({ config, directory, maxFrameBytes: 40_000, events: nopBufferEvents });
}

function frame(number: number): FrameInput {
  const payload = Buffer.alloc(8 + ((number * 7919) % 30_000), number % 251);
  payload.writeUInt32LE(number, 0);
  payload.writeUInt32LE(payload.length, 4);
  return { signal: 'logs', encoding: 'json', workspace: 'crash', items: 1, payload };
}

const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
const codeOf = (error: unknown) => (error instanceof GatewayError ? error.code : String(error));

/** Appends until it is killed, and tells each acknowledged frame: [sequence, number]. */
async function appendForever(): Promise<void> {
  const opened = buffer('64MiB');
  opened.consumer('store');
  await opened.start();
  await sendForever(opened);
}

/** The same in a ring that is written over all the time: a consumer is done with frames as soon as it has them. */
async function appendAndDrainForever(): Promise<void> {
  const opened = buffer('1MiB');
  const store = opened.consumer('store');
  await opened.start();
  const drain = async () => {
    for (;;) {
      await store.readable(new AbortController().signal);
      const range = store.next({ maxBytes: 1e6, maxItems: 1e6 })!;
      store.release(range);
    }
  };
  await Promise.all([drain(), sendForever(opened)]);
}

async function sendForever(opened: DurableBuffer): Promise<void> {
  let number = 0;
  const sender = async () => {
    for (;;) {
      const mine = number++;
      const { sequence } = await opened.append(frame(mine));
      print([sequence, mine]);
    }
  };
  await Promise.all(Array.from({ length: 16 }, sender));
}

async function hold(): Promise<void> {
  await buffer('1MiB').start();
  print('open');
  setInterval(() => undefined, 1000);
}

async function open(): Promise<void> {
  const opened = buffer('1MiB');
  print(await opened.start().then(() => 'open', codeOf));
  await opened.shutdown({ deadlineMs: 1000 });
}

/** On a small disk: fills it, frees some of it, goes on, and tells what was promised and what is found. */
async function fillDisk(): Promise<void> {
  const ballast = path.join(directory, 'ballast');
  let opened = buffer('64MiB');
  opened.consumer('store');
  await opened.start();
  await writeFile(ballast, Buffer.alloc(512 * 1024));
  const acknowledged: number[] = [];
  const refusals = new Set<string>();
  const append = (number: number) =>
    opened.append(frame(number)).then(
      () => acknowledged.push(number),
      (error) => refusals.add(codeOf(error)),
    );
  for (let number = 0; refusals.size === 0 && number < 2000; number += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, index) => append(number + index)));
  }
  await rm(ballast);
  const before = acknowledged.length;
  for (let number = 10_000; number < 10_008; number += 1) await append(number);
  const resumed = acknowledged.length - before;
  await opened.shutdown({ deadlineMs: 5000 });
  opened = buffer('64MiB');
  const consumer = opened.consumer('store');
  await opened.start();
  const found: number[] = [];
  for (;;) {
    const range = consumer.next({ maxBytes: 1e6, maxItems: 1e6 });
    if (range === undefined) break;
    for (const one of readFrames(range)) found.push('damaged' in one ? -1 : one.payload.readUInt32LE(0));
  }
  await opened.shutdown({ deadlineMs: 5000 });
  print({ refusals: [...refusals], resumed, acknowledged, found });
}

const TASKS: Record<string, () => Promise<void>> = { appendForever, appendAndDrainForever, hold, open, fillDisk };
await TASKS[task!]!();
