import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type BufferOptions, createBuffer, type DurableBuffer } from '../../src/buffer/buffer.js';
import { bufferSettings } from '../../src/buffer/config.js';
import { type BufferState, nopBufferEvents, type RecoveryReport } from '../../src/buffer/events.js';
import { type DamagedFrame, readFrames } from '../../src/buffer/reader.js';
import type { BufferConsumer, Frame, FrameInput, FrameRange } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { processFile } from '../helpers/process-file.js';

export const EVERYTHING = { maxBytes: Number.MAX_SAFE_INTEGER, maxItems: Number.MAX_SAFE_INTEGER };

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'ring-buffer-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** What a crash of this moment would leave. */
export async function copyOf(directory: string): Promise<string> {
  const copy = await temporaryDirectory();
  await cp(directory, copy, { recursive: true });
  return copy;
}

export interface TestBuffer extends DurableBuffer {
  recoveries: RecoveryReport[];
  states: BufferState[];
  groups: number[];
}

export interface TestBufferOptions extends Partial<Omit<BufferOptions, 'config'>> {
  directory: string;
  settings?: Record<string, string>;
}

/** Not started. A ring of 1 MiB in 16 segments of 64 KiB, when nothing else is asked for. */
export function testBuffer({ settings, ...options }: TestBufferOptions): TestBuffer {
  const recoveries: RecoveryReport[] = [];
  const states: BufferState[] = [];
  const groups: number[] = [];
  const events = {
    ...nopBufferEvents,
    recovered: (report: RecoveryReport) => recoveries.push(report),
    stateChanged: (change: { to: BufferState }) => states.push(change.to),
    committed: (group: { frames: number }) => groups.push(group.frames),
  };
  const config = bufferSettings.parse({ maxBytes: '1MiB', ...settings });
  const buffer = createBuffer({ config, maxFrameBytes: 40_000, events, ...options });
  onTestFinished(() => buffer.shutdown({ deadlineMs: 5000 }));
  return Object.assign(buffer, { recoveries, states, groups });
}

export async function startedBuffer(options: TestBufferOptions, ...consumers: string[]): Promise<TestBuffer> {
  const buffer = testBuffer(options);
  for (const name of consumers) buffer.consumer(name);
  await buffer.start();
  return buffer;
}

export const shutDown = (buffer: DurableBuffer) => buffer.shutdown({ deadlineMs: 10_000 });

export function frameOf(payload: FrameInput['payload'], rest: Partial<FrameInput> = {}): FrameInput {
  return { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: 1, payload, ...rest };
}

/** A payload that tells its number, and is checked by `numberOf`. */
export function numbered(number: number, bytes = 200): Buffer {
  const payload = Buffer.alloc(Math.max(8, bytes), number % 251);
  payload.writeUInt32LE(number, 0);
  payload.writeUInt32LE(payload.length, 4);
  return payload;
}

export function numberOf(payload: Buffer): number {
  const number = payload.readUInt32LE(0);
  if (!payload.equals(numbered(number, payload.readUInt32LE(4))))
    throw new Error(`the payload of ${number} is not whole`);
  return number;
}

/** Takes all that is pending; hands out what was read; releases it unless told otherwise. */
export function drain(consumer: BufferConsumer, { release = true } = {}): (Frame | DamagedFrame)[] {
  const frames: (Frame | DamagedFrame)[] = [];
  for (const range of takeAll(consumer)) {
    frames.push(...readFrames(range));
    if (release) consumer.release(range);
  }
  return frames;
}

export function takeAll(consumer: BufferConsumer, limit = EVERYTHING): FrameRange[] {
  const ranges: FrameRange[] = [];
  for (let range = consumer.next(limit); range !== undefined; range = consumer.next(limit)) ranges.push(range);
  return ranges;
}

export function isDamaged(frame: Frame | DamagedFrame): frame is DamagedFrame {
  return 'damaged' in frame;
}

export function whole(frames: (Frame | DamagedFrame)[]): Frame[] {
  return frames.filter((frame) => !isDamaged(frame)) as Frame[];
}

export function numbersOf(frames: (Frame | DamagedFrame)[]): number[] {
  return whole(frames).map((frame) => numberOf(frame.payload));
}

/** The code of the GatewayError that a promise rejects with; the value when it doesn't. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => (error instanceof GatewayError ? error.code : error));
}

/** Numbers that are the same in each run: mulberry32. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export type Child = ChildProcessByStdio<null, Readable, null>;

/** Runs `process.ts` of this folder, optionally inside another command. */
export function child(argument: string[], wrapper: string[] = []): Child {
  const [command, ...rest] = [...wrapper, process.execPath, processFile('test/buffer/process.ts'), ...argument];
  const started = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void started.kill('SIGKILL'));
  return started;
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
