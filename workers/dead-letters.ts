/**
 * Frames that could not be decoded or written, one pair of files each: `<buffer>-<sequence>.payload` with the bytes as
 * they stood in the buffer, and `<buffer>-<sequence>.json` that says what they are and why they are here, with the
 * trailer. The json file is written last, so a pair is whole or not listed; writing the same frame again replaces it.
 */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Appender, Encoding, FrameInput, Signal } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { syncDirectory } from '../src/sync-directory.js';

export interface DeadLetter {
  /** `<first 8 digits of the buffer's id>-<sequence>`, and for one of an exporter `-<exporter>`, `-<exporter>.<piece>`. */
  id: string;
  /** The exporter whose backend refused it; undefined for what the store could not take. */
  exporter?: string;
  sequence: number;
  reason: string;
  /** When it came here, milliseconds since the epoch. */
  failedTimeUnixMs: number;
  payloadBytes: number;
  /** undefined for a frame that was damaged on disk: nothing in its header can be trusted. */
  frame:
    | { signal: Signal; encoding: Encoding; workspace: string; items: number; receivedTimeUnixMs: number }
    | undefined;
  /** In base64: it may be what could not be read. Absent when the frame had none. */
  trailer?: string;
  /** It is as it was received: what its exporter's processors leave out is in it. */
  isUnprocessed?: boolean;
}

export interface DeadLetterInput
  extends Pick<DeadLetter, 'sequence' | 'reason' | 'frame' | 'exporter' | 'isUnprocessed'> {
  bufferId: string;
  /** Of the last frame in it, where it is of several. */
  lastSequence?: number;
  /** Which piece of the frame it is, where an exporter had to cut it. */
  piece?: string;
  payload: Uint8Array;
  trailer?: Buffer | undefined;
}

const FILES_AT_ONCE = 32;
/** What a letter takes on the disk beside its payload: two names, the json, and the blocks that a file begins. */
const OVERHEAD_BYTES = 8192;

const ID = /^[0-9a-f]{8}-\d{1,16}(-[a-z][a-z0-9_]*(\.[01]+)?)?$/;

export function deadLetterId(bufferId: string, sequence: number, exporter?: string, piece = ''): string {
  const own = `${bufferId.slice(0, 8)}-${sequence}`;
  if (exporter === undefined) return own;
  return piece === '' ? `${own}-${exporter}` : `${own}-${exporter}.${piece}`;
}

function writeDurably(file: string, content: Uint8Array | string): void {
  const descriptor = openSync(file, 'w', 0o600);
  try {
    const data = typeof content === 'string' ? Buffer.from(content) : content;
    for (let written = 0; written < data.length; ) written += writeSync(descriptor, data, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function letterOf(input: DeadLetterInput): DeadLetter {
  const { bufferId, sequence, exporter, piece, reason, frame, payload, trailer, isUnprocessed } = input;
  return {
    id: deadLetterId(bufferId, sequence, exporter, piece),
    ...(exporter !== undefined && { exporter }),
    sequence,
    reason,
    failedTimeUnixMs: Date.now(),
    payloadBytes: payload.length,
    frame,
    ...(trailer?.length && { trailer: trailer.toString('base64') }),
    ...(isUnprocessed && { isUnprocessed }),
  };
}

function textOf(letter: DeadLetter): string {
  return `${JSON.stringify(letter, null, 2)}\n`;
}

/** Runs in a writer thread, synchronously: the frame is released only after this has returned. */
export function writeDeadLetter(directory: string, input: DeadLetterInput): DeadLetter {
  const letter = letterOf(input);
  mkdirSync(directory, { recursive: true });
  const base = path.join(directory, letter.id);
  writeDurably(`${base}.payload`, input.payload);
  writeDurably(`${base}.json.partial`, textOf(letter));
  renameSync(`${base}.json.partial`, `${base}.json`);
  syncDirectory(directory);
  return letter;
}

async function syncAfter(path: string, flags: string, content?: Uint8Array | string): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    if (content !== undefined) await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The same on the main thread, which waits for no disk. */
async function addLetter(directory: string, input: DeadLetterInput): Promise<void> {
  const letter = letterOf(input);
  await mkdir(directory, { recursive: true });
  const base = path.join(directory, letter.id);
  await syncAfter(`${base}.payload`, 'w', input.payload);
  await syncAfter(`${base}.json.partial`, 'w', textOf(letter));
  await rename(`${base}.json.partial`, `${base}.json`);
  await syncAfter(directory, 'r');
}

/** Whether that frame lies there now, synchronously. */
export function isDeadLetter(directory: string, bufferId: string, sequence: number): boolean {
  return existsSync(path.join(directory, `${deadLetterId(bufferId, sequence)}.json`));
}

/** Sends what an exporter's backend had refused to it once more; rejects when it does not take it. */
export type Resend = (
  exporter: string,
  frame: FrameInput & Pick<DeadLetter, 'sequence' | 'isUnprocessed'>,
) => Promise<void>;

export interface DeadLetterBox {
  /** Resolves when it is on disk; adding the same again replaces it. */
  add(input: DeadLetterInput): Promise<void>;
  /** Newest first. */
  list(): Promise<DeadLetter[]>;
  get(id: string): Promise<DeadLetter | undefined>;
  /**
   * Appends the frame to the buffer again, then drops it here. The new sequence; NOT_FOUND, CONFLICT for a damaged one.
   * One of an exporter goes to its backend alone, by `resend`, for everybody else has it; its sequence stays.
   */
  replay(id: string, next: Appender, resend?: Resend): Promise<number>;
  /** False when there is none of that id. */
  remove(id: string): Promise<boolean>;
  /**
   * Drops the oldest until what is left fits into `maxBytes`, its files' own cost included; how many went. Those of
   * exporters go first: the store has what they hold.
   */
  trim(maxBytes: number): Promise<number>;
}

/** After letters were written, in the background: one that can't be deleted now is looked at again with the next. */
export function trimBehind(
  box: Pick<DeadLetterBox, 'trim'>,
  { deadLetterMaxBytes }: { deadLetterMaxBytes: number },
  events: { deadLettersDropped(count: number): void },
): void {
  const told = (dropped: number) => {
    if (dropped > 0) events.deadLettersDropped(dropped);
  };
  void box.trim(deadLetterMaxBytes).then(told, () => {});
}

/** A look at all the letters is dear when there are many: who writes them without end looks after so much of the bound. */
const LOOKS_PER_BOUND = 16;

/** `trimBehind` for a flood: tell it of each letter. The bound may be passed by a part of it. */
export function trimNowAndThen(
  box: Pick<DeadLetterBox, 'trim'>,
  config: { deadLetterMaxBytes: number },
  events: { deadLettersDropped(count: number): void },
): (payloadBytes: number) => void {
  let writtenBytes = Number.POSITIVE_INFINITY;
  return (payloadBytes) => {
    writtenBytes += payloadBytes + OVERHEAD_BYTES;
    if (writtenBytes < config.deadLetterMaxBytes / LOOKS_PER_BOUND) return;
    writtenBytes = 0;
    trimBehind(box, config, events);
  };
}

async function readLetter(directory: string, id: string): Promise<DeadLetter | undefined> {
  if (!ID.test(id)) return undefined;
  const text = await readFile(path.join(directory, `${id}.json`), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as DeadLetter);
}

async function listLetters(directory: string): Promise<DeadLetter[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  const letters: DeadLetter[] = [];
  // A handful at a time: all at once would open a file each, and a flood of small letters is more than a process may open.
  for (let at = 0; at < ids.length; at += FILES_AT_ONCE) {
    const some = await Promise.all(ids.slice(at, at + FILES_AT_ONCE).map((id) => readLetter(directory, id)));
    letters.push(...some.filter((letter) => letter !== undefined));
  }
  return letters.sort((a, b) => b.failedTimeUnixMs - a.failedTimeUnixMs || b.sequence - a.sequence);
}

async function appended(next: Appender, frame: FrameInput): Promise<number> {
  return (await next.append(frame)).sequence;
}

async function resent(letter: DeadLetter, frame: FrameInput, resend?: Resend): Promise<number> {
  const { exporter, sequence, isUnprocessed } = letter;
  if (!resend) throw new GatewayError('CONFLICT', `The exporter ${exporter} is not here any more`);
  await resend(exporter!, { ...frame, sequence, ...(isUnprocessed && { isUnprocessed }) });
  return sequence;
}

export function createDeadLetterBox(directory: string): DeadLetterBox {
  const remove = async (id: string): Promise<boolean> => {
    if (!(await readLetter(directory, id))) return false;
    await rm(path.join(directory, `${id}.json`), { force: true });
    await rm(path.join(directory, `${id}.payload`), { force: true });
    return true;
  };
  const replaying = new Set<string>();
  /** Asked for twice at once, a letter would be stored twice: log records and points have no ids to be recognised by. */
  const replay = async (id: string, next: Appender, resend?: Resend): Promise<number> => {
    if (replaying.has(id)) throw new GatewayError('CONFLICT', 'This dead letter is being replayed already');
    replaying.add(id);
    try {
      return await replayOnce(id, next, resend);
    } finally {
      replaying.delete(id);
    }
  };
  const replayOnce = async (id: string, next: Appender, resend?: Resend): Promise<number> => {
    const letter = await readLetter(directory, id);
    if (!letter) throw new GatewayError('NOT_FOUND', 'Dead letter not found');
    if (!letter.frame) throw new GatewayError('CONFLICT', 'This frame was damaged on disk and cannot be replayed');
    const payload = await readFile(path.join(directory, `${id}.payload`));
    const { signal, encoding, workspace, items } = letter.frame;
    const trailer = letter.trailer === undefined ? {} : { trailer: Buffer.from(letter.trailer, 'base64') };
    const frame = { signal, encoding, workspace, items, payload, ...trailer };
    const sequence = await (letter.exporter === undefined ? appended(next, frame) : resent(letter, frame, resend));
    await remove(id);
    return sequence;
  };
  const trimOnce = async (maxBytes: number): Promise<number> => {
    const isExported = ({ exporter }: DeadLetter) => Number(exporter !== undefined);
    const letters = (await listLetters(directory)).sort((a, b) => isExported(a) - isExported(b));
    let kept = 0;
    let dropped = 0;
    for (const letter of letters) {
      kept += letter.payloadBytes + (letter.trailer?.length ?? 0) + OVERHEAD_BYTES;
      if (kept > maxBytes && (await remove(letter.id))) dropped++;
    }
    return dropped;
  };
  let trimming: Promise<number> | undefined;
  let trimAgain = false;
  /** One at a time, whatever number of batches ask meanwhile: each looks at every letter. */
  const trim = async (maxBytes: number): Promise<number> => {
    if (trimming !== undefined) {
      trimAgain = true;
      return 0;
    }
    let dropped = 0;
    try {
      do {
        trimAgain = false;
        trimming = trimOnce(maxBytes);
        dropped += await trimming;
      } while (trimAgain);
      return dropped;
    } finally {
      trimming = undefined;
    }
  };
  return {
    add: (input) => addLetter(directory, input),
    list: () => listLetters(directory),
    get: (id) => readLetter(directory, id),
    replay,
    remove,
    trim,
  };
}
