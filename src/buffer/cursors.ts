/**
 * The cursors of all consumers in one small file of two slots, written in turn, so that one of them always holds. A slot
 * is a line of text: the CRC32 of the rest in hex, a space, and JSON.
 *
 * Losing the last write is harmless (the ledger of the store makes a replay exact), but a cursor that was reported as
 * kept must never move back: the ledger forgets what is before it. Hence each write is synced.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { type Disk, syncDirectory, writeWhole } from './disk.js';

const SLOT_BYTES = 32 * 1024;

const slotContents = z.object({
  /** Counts the writes: the higher one is the newer slot. */
  version: z.number(),
  /** Per consumer the sequence of the first frame that it did not release. */
  cursors: z.record(z.string(), z.number()),
  /** Only after an orderly end: the sequence to go on with. */
  nextSequence: z.number().optional(),
});

export type KeptCursors = z.output<typeof slotContents>;

export class CursorFile {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #path: string;
  #fd: number | undefined;
  #kept: KeptCursors = { version: 0, cursors: {} };

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#path = path.join(directory, 'cursors');
  }

  async open(): Promise<KeptCursors> {
    const bytes = await readFile(this.#path).catch(emptyWhenMissing);
    this.#fd = await this.#disk.open(this.#path, bytes.length === 0 ? 'w+' : 'r+');
    if (bytes.length < 2 * SLOT_BYTES) await this.#reserve(bytes);
    const slots = [0, SLOT_BYTES].map((offset) => decodeSlot(bytes.subarray(offset, offset + SLOT_BYTES)));
    for (const slot of slots) if (slot !== undefined && slot.version > this.#kept.version) this.#kept = slot;
    return this.#kept;
  }

  /** Consumers that are not named are forgotten; with none named at all, those that were kept stay. */
  async write(cursors: Record<string, number>, nextSequence?: number): Promise<void> {
    const version = this.#kept.version + 1;
    const named = Object.keys(cursors).length > 0;
    const next: KeptCursors = { version, cursors: named ? cursors : this.#kept.cursors };
    if (nextSequence !== undefined) next.nextSequence = nextSequence;
    await writeWhole(this.#disk, this.#fd!, [encodeSlot(next)], (version % 2) * SLOT_BYTES);
    await this.#disk.fdatasync(this.#fd!);
    this.#kept = next;
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await this.#disk.close(fd);
  }

  /** Room for both slots is written once, so that a full disk doesn't stop the cursors. */
  async #reserve(present: Buffer): Promise<void> {
    const missing = Buffer.alloc(2 * SLOT_BYTES - present.length, '\n');
    await writeWhole(this.#disk, this.#fd!, [missing], present.length);
    await this.#disk.fdatasync(this.#fd!);
    await syncDirectory(this.#directory);
  }
}

function emptyWhenMissing(error: NodeJS.ErrnoException): Buffer {
  if (error.code !== 'ENOENT') throw error;
  return Buffer.alloc(0);
}

function encodeSlot(contents: KeptCursors): Buffer {
  const json = JSON.stringify(contents);
  const line = Buffer.from(`${crcOf(json)} ${json}\n`);
  if (line.length > SLOT_BYTES) throw new RangeError('too many consumers for the file of their cursors');
  return line;
}

function decodeSlot(bytes: Buffer): KeptCursors | undefined {
  const line = bytes.toString('utf8').split('\n', 1)[0]!;
  const json = line.slice(9);
  if (json === '' || line.slice(0, 8) !== crcOf(json)) return undefined;
  return slotContents.parse(JSON.parse(json));
}

function crcOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
