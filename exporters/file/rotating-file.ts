/**
 * A file of lines that only grows, is put aside when it is large or old, and never ends in half a line: what failed to be
 * written is cut off at once, what a crash left is cut off when the file is opened. Lines that wait while others are
 * synced go out together.
 */
import fs from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { tryLock } from 'fs-native-extensions';
import { type Disk, nodeDisk, syncDirectory, writeWhole } from '../../src/buffer/disk.js';
import type { FileConfig } from './config.js';
import { keepNewest, putAside } from './generations.js';
import { endOfLastLine } from './last-line.js';

const fstat = promisify(fs.fstat);

export interface RotatingFileOptions {
  path: string;
  config: Omit<FileConfig, 'path'>;
  disk?: Disk;
  now?: () => number;
}

interface Opened {
  fd: number;
  bytes: number;
  sinceMs: number;
}

interface Waiting {
  line: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

const LINE_END = Buffer.from('\n');

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  readonly #disk: Disk;
  readonly #now: () => number;
  #opened: Opened | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  /** Of lines that count as exported: told to whoever appends next. */
  #syncFailure: Error | undefined;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#disk = options.disk ?? nodeDisk;
    this.#now = options.now ?? Date.now;
  }

  /** Resolves when the line is as safe as the policy promises. Rejects when it is not there: it may be appended again. */
  append(line: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Waits for what is being written. Appending opens the file again. */
  async close(): Promise<void> {
    await this.#running;
    const { config } = this.#options;
    if (config.sync !== 'off') await this.#sync().catch(() => {});
    await this.#forget();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        await this.#tellSyncFailure();
        const opened = await this.#makeRoom(this.#waiting[0]!.line.length + LINE_END.length);
        await this.#writeGroup(opened, this.#takeGroup(opened.bytes));
      } catch (error) {
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    }
    this.#running = undefined;
  }

  /** What fits into the file; at least one. */
  #takeGroup(bytes: number): Waiting[] {
    let total = bytes;
    const count = this.#waiting.findIndex(({ line }, index) => {
      total += line.length + LINE_END.length;
      return index > 0 && total > this.#options.config.maxBytes;
    });
    return this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
  }

  async #writeGroup(opened: Opened, group: readonly Waiting[]): Promise<void> {
    try {
      await this.#write(
        opened,
        group.flatMap(({ line }) => [line, LINE_END]),
      );
      for (const { resolve } of group) resolve();
    } catch (error) {
      await this.#undo(opened);
      for (const { reject } of group) reject(error);
    }
  }

  async #write(opened: Opened, pieces: Uint8Array[]): Promise<void> {
    await writeWhole(this.#disk, opened.fd, pieces, opened.bytes);
    if (this.#options.config.sync === 'always') await this.#disk.fdatasync(opened.fd);
    opened.bytes += pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (this.#options.config.sync === 'interval') this.#syncLater();
  }

  /** After an error of the disk the descriptor tells nothing reliable any more: the file is opened, and looked at, anew. */
  async #undo({ fd, bytes }: Opened): Promise<void> {
    await this.#disk.ftruncate(fd, bytes).catch(() => {});
    await this.#forget();
  }

  async #forget(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened) await this.#disk.close(opened.fd).catch(() => {});
  }

  // ---- syncing ----

  #syncLater(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#sync().catch((error: Error) => {
        this.#syncFailure = error;
      });
    }, this.#options.config.syncIntervalMs);
  }

  /** The kernel tells it once, and may have dropped the pages: the file is opened, and looked at, anew. */
  async #tellSyncFailure(): Promise<void> {
    const failure = this.#syncFailure;
    if (failure === undefined) return;
    this.#syncFailure = undefined;
    await this.#forget();
    throw new Error(`lines that were written before may not be on the disk: ${failure.message}`, { cause: failure });
  }

  async #sync(): Promise<void> {
    if (this.#opened) await this.#disk.fdatasync(this.#opened.fd);
  }

  // ---- opening and putting aside ----

  /** A file that somebody deleted is begun anew: what is written to it would be gone with it. */
  async #makeRoom(bytes: number): Promise<Opened> {
    if (this.#opened && (await fstat(this.#opened.fd)).nlink === 0) await this.#forget();
    this.#opened ??= await this.#open();
    if (!this.#isFull(this.#opened, bytes)) return this.#opened;
    await this.#rotate();
    this.#opened = await this.#open();
    return this.#opened;
  }

  #isFull({ bytes, sinceMs }: Opened, more: number): boolean {
    const { maxBytes, maxAgeMs } = this.#options.config;
    const isOld = maxAgeMs > 0 && this.#now() - sinceMs >= maxAgeMs;
    return bytes > 0 && (isOld || bytes + more > maxBytes);
  }

  async #rotate(): Promise<void> {
    const { path: file, config } = this.#options;
    if (config.sync !== 'off') await this.#sync();
    await this.#forget();
    await putAside(file, this.#now());
  }

  async #open(): Promise<Opened> {
    const { path: file, config } = this.#options;
    const fd = await this.#openFile();
    try {
      if (!tryLock(fd)) throw new Error(`${file} is in use by another process`);
      const opened = await this.#recover(fd);
      await keepNewest(file, config.maxFiles - 1);
      return opened;
    } catch (error) {
      await this.#disk.close(fd).catch(() => {});
      throw error;
    }
  }

  async #openFile(): Promise<number> {
    const { path: file } = this.#options;
    try {
      return await this.#disk.open(file, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const directory = path.dirname(path.resolve(file));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const fd = await this.#disk.open(file, 'wx+');
    await syncDirectory(directory);
    return fd;
  }

  async #recover(fd: number): Promise<Opened> {
    const found = await fstat(fd);
    if (!found.isFile()) throw new Error(`${this.#options.path} is no regular file`);
    const bytes = await endOfLastLine(fd, found.size);
    if (bytes < found.size) await this.#disk.ftruncate(fd, bytes);
    return { fd, bytes, sinceMs: bytes === 0 ? this.#now() : found.birthtimeMs };
  }
}
