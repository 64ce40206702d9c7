/**
 * The segment files and the one that is written. A segment is free once no consumer needs a frame of it; the next one
 * takes a free file, so that in the long run the same files are written in a circle.
 */
import { randomBytes } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import path from 'node:path';
import { GatewayError } from '../errors.js';
import type { RingLayout } from './config.js';
import { type Disk, syncDirectory, toDiskError, writeWhole } from './disk.js';
import { MARKER_BYTES } from './frame.js';
import { encodeSegmentHeader, FORMAT_VERSION, SEGMENT_HEADER_BYTES, type Segment } from './segment.js';

export interface RingOptions {
  disk: Disk;
  directory: string;
  layout: RingLayout;
  /** With `always`, a write is synced before it counts; else a sync is asked for by `sync()`, or never. */
  sync: 'always' | 'interval' | 'off';
}

export class Ring {
  /** Set when it isn't known any more what the disk holds: nothing is written from then on. */
  failure: GatewayError | undefined;
  readonly #options: RingOptions;
  #live: Segment[] = [];
  #free: string[] = [];
  #files = new Set<string>();
  #fd: number | undefined;
  /** Written since the last sync. */
  #dirty = false;
  #syncing: Promise<void> | undefined;

  constructor(options: RingOptions) {
    this.#options = options;
  }

  get segments(): number {
    return this.#live.length;
  }
  get tail(): Segment | undefined {
    return this.#live.at(-1);
  }
  get lastSequence(): number {
    return this.tail?.lastSequence ?? 0;
  }

  /** Goes on behind the last whole frame of what was recovered; `torn` bytes that may stand there are cut off. */
  async adopt(live: Segment[], free: string[], torn: boolean): Promise<void> {
    this.#live = live;
    this.#free = free;
    this.#files = new Set([...live.map((segment) => segment.path), ...free]);
    if (this.tail === undefined) return;
    this.#fd = await this.#options.disk.open(this.tail.path, 'r+');
    if (torn) await this.#cut(this.#fd, this.tail);
  }

  /** Bytes for frames that are left in the segment that is written. */
  room(): number {
    const { tail } = this;
    return tail === undefined ? 0 : tail.segmentBytes - Math.max(tail.end, SEGMENT_HEADER_BYTES);
  }

  /** There is place for one more segment when consumers need nothing before that sequence. */
  canRoll(heldFrom: number): boolean {
    const held = this.#live.filter((segment) => segment.lastSequence >= heldFrom);
    const heldBytes = held.reduce((sum, segment) => sum + segment.segmentBytes, 0);
    return heldBytes + this.#options.layout.segmentBytes <= this.#options.layout.maxBytes;
  }

  /** The last sequence of the oldest segment that holds something from that sequence on; undefined when there is none. */
  lastOf(heldFrom: number): number | undefined {
    return this.#live.find((segment) => segment.lastSequence >= heldFrom)?.lastSequence;
  }

  /** Opens the next segment. */
  async roll(): Promise<void> {
    const { segmentBytes } = this.#options.layout;
    const file = this.#free[0] ?? this.#newPath();
    if (this.#options.sync === 'interval') await this.sync();
    const fd = await this.#openFile(file, segmentBytes);
    await this.#closeTail();
    this.#fd = fd;
    this.#free.shift();
    this.#files.add(file);
    const marker = randomBytes(MARKER_BYTES);
    const lastSequence = this.lastSequence;
    this.#live.push({ path: file, segmentBytes, marker, firstSequence: lastSequence + 1, lastSequence, end: 0 });
  }

  /** Segments that hold nothing from that sequence on become free, but for the one that is written. */
  free(heldFrom: number): void {
    while (this.#live.length > 1 && this.#live[0]!.lastSequence < heldFrom) this.#free.push(this.#live.shift()!.path);
  }

  /** The header that goes in front of a new segment's first frame. */
  header(bufferId: string, firstSequence: number): Uint8Array[] {
    const tail = this.tail!;
    if (tail.end > 0) return [];
    const { marker, segmentBytes, lastSequence: previousSequence } = tail;
    tail.firstSequence = firstSequence;
    const opened = { version: FORMAT_VERSION, bufferId, marker, openedTimeUnixMs: Date.now() };
    return [encodeSegmentHeader({ ...opened, firstSequence, previousSequence, segmentBytes })];
  }

  /**
   * Writes behind what stands there. Rejects with DISK_FULL when there was no space: then nothing of it stays, and the
   * next write goes to the same place. Rejects with DISK_FAILED when what stands there isn't known any more.
   */
  async write(pieces: Uint8Array[], bytes: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const tail = this.tail!;
    try {
      await writeWhole(this.#options.disk, this.#fd!, pieces, tail.end);
      if (this.#options.sync === 'always') await this.#options.disk.fdatasync(this.#fd!);
      else this.#dirty = true;
    } catch (error) {
      throw await this.#undo(tail, toDiskError(error));
    }
    tail.end += bytes;
  }

  /**
   * After a failed sync the system may take pages for clean that never reached the disk, so a second sync proves
   * nothing. Rejects with DISK_FAILED.
   */
  async sync(): Promise<void> {
    if (!this.#dirty || this.#fd === undefined) return;
    this.#dirty = false;
    this.#syncing = this.#options.disk.fdatasync(this.#fd);
    try {
      await this.#syncing;
    } catch (error) {
      throw this.#fail('Written data could not be synced to the disk', error);
    } finally {
      this.#syncing = undefined;
    }
  }

  close(): Promise<void> {
    return this.#closeTail();
  }

  /** Removes free files that a smaller BUFFER_MAX_BYTES has no room for. */
  async trim(): Promise<void> {
    const { segmentBytes, maxBytes } = this.#options.layout;
    while (this.#free.length > 0 && this.#files.size * segmentBytes > maxBytes) {
      const file = this.#free.pop()!;
      await unlink(file);
      this.#files.delete(file);
    }
  }

  /** All of it that was promised to be on the disk is: an error of closing changes nothing. */
  async #closeTail(): Promise<void> {
    await this.#syncing?.catch(() => undefined);
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await this.#options.disk.close(fd).catch(() => undefined);
  }

  async #openFile(file: string, segmentBytes: number): Promise<number> {
    const { disk, directory } = this.#options;
    const isNew = !this.#files.has(file);
    let fd: number | undefined;
    try {
      fd = await disk.open(file, isNew ? 'w+' : 'r+');
      await disk.ftruncate(fd, segmentBytes);
      if (isNew) await disk.fdatasync(fd);
      if (isNew) await syncDirectory(directory);
      return fd;
    } catch (error) {
      if (fd !== undefined) await disk.close(fd).catch(() => undefined);
      throw toDiskError(error);
    }
  }

  #newPath(): string {
    let number = this.#files.size + 1;
    while (this.#files.has(this.#pathOf(number))) number += 1;
    return this.#pathOf(number);
  }

  #pathOf(number: number): string {
    return path.join(this.#options.directory, `segment-${String(number).padStart(6, '0')}`);
  }

  /** Nobody may find half of a refused write, nor a whole frame of it, after a crash. */
  async #undo(tail: Segment, error: GatewayError): Promise<GatewayError> {
    if (error.code !== 'DISK_FULL') return this.#fail('The disk of the buffer failed', error.cause);
    try {
      await this.#cut(this.#fd!, tail);
      return error;
    } catch (cause) {
      return this.#fail('A refused write could not be taken back', cause);
    }
  }

  #fail(what: string, cause: unknown): GatewayError {
    const message = `${what} (${(cause as Error).message}); the buffer takes nothing more until a restart`;
    this.failure = new GatewayError('DISK_FAILED', message, { cause });
    return this.failure;
  }

  /** Zeros, without space on the disk, from the end of the last frame on. */
  async #cut(fd: number, tail: Segment): Promise<void> {
    const { disk } = this.#options;
    await disk.ftruncate(fd, tail.end);
    await disk.ftruncate(fd, tail.segmentBytes);
    await disk.fdatasync(fd);
  }
}
