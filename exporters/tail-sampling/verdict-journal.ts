/**
 * Verdicts on the disk: files that are written one after another, each with the traces that were decided, or met again,
 * while the sampler read the buffer from one sequence to the next file's. Whatever stands in a frame of that stretch has its
 * verdict in that file or a later one, so an exporter that is far behind reads them along with its frames; the newest files
 * are in memory, and are what is remembered for spans that come late.
 *
 * A file begins with its header; then come blocks: how many records, the CRC32 of them, and 17 bytes for each record. What
 * a crash left of a block is cut off. Synchronous: for a worker thread.
 */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { syncDirectory } from '../../src/sync-directory.js';
import { type TraceKey, type Verdict, VerdictTable } from './verdict-table.js';

const MAGIC = Buffer.from('PMVERD01');
const ID_BYTES = 36;
export const SECRET_BYTES = 32;
/** Magic, buffer id, secret, first sequence, and the CRC32 of these. */
const HEADER_BYTES = MAGIC.length + ID_BYTES + SECRET_BYTES + 8 + 4;
const BLOCK_HEADER_BYTES = 8;
const RECORD_BYTES = 17;
const NAME = /^verdicts-(\d{8,15})$/;

/** The cache is as many files: with each new one, an eighth of what is remembered and was not met again is forgotten. */
const REMEMBERED_FILES = 8;
/** Of those for exporters that are far behind. */
const LOADED_FILES = 4;

export interface JournalOptions {
  /** Made when it isn't there. */
  directory: string;
  /** What was written about another buffer is deleted: its sequences mean nothing here. */
  bufferId: string;
  /** How many verdicts are remembered, about. */
  maxVerdicts: number;
}

export interface Decision {
  key: TraceKey;
  verdict: Verdict;
}

interface JournalFile {
  number: number;
  firstSequence: number;
}

interface Header {
  bufferId: string;
  secret: Buffer;
  firstSequence: number;
}

export class VerdictJournal {
  readonly #options: JournalOptions;
  readonly #recordsPerFile: number;
  /** The oldest first; never empty once there is one. */
  readonly #files: JournalFile[] = [];
  /** Of the newest files, by their number. */
  readonly #remembered = new Map<number, VerdictTable>();
  readonly #loaded = new LRUCache<number, VerdictTable>({ max: LOADED_FILES });
  #secret: Buffer = randomBytes(SECRET_BYTES);
  #fd: number | undefined;
  #end = 0;
  #unwritten: Decision[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#recordsPerFile = Math.max(1, Math.ceil(options.maxVerdicts / REMEMBERED_FILES));
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#adopt();
  }

  get secret(): Uint8Array {
    return this.#secret;
  }

  /** How many verdicts are in memory. */
  get size(): number {
    return [...this.#remembered.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Files on the disk. */
  get files(): number {
    return this.#files.length;
  }

  /** What is remembered; `recent`: it need not be added again to be remembered longer. */
  recall(key: TraceKey): { verdict: Verdict; recent: boolean } | undefined {
    for (let index = this.#files.length - 1; index >= 0; index--) {
      const table = this.#remembered.get(this.#files[index]!.number);
      if (table === undefined) return undefined;
      const verdict = table.get(key);
      if (verdict !== undefined) return { verdict, recent: index === this.#files.length - 1 };
    }
    return undefined;
  }

  /** The verdict that holds for what stands at that sequence. undefined when there is none, or none any more. */
  at(sequence: number, key: TraceKey): Verdict | undefined {
    for (let index = this.#fileAt(sequence); index < this.#files.length; index++) {
      const verdict = this.#tableOf(this.#files[index]!).get(key);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  /** Before what the sampler reads from that sequence on is added: begins another file when this one is full. */
  reach(sequence: number): void {
    const last = this.#files.at(-1);
    if (last !== undefined && this.#remembered.get(last.number)!.size < this.#recordsPerFile) return;
    this.#begin((last?.number ?? 0) + 1, Math.max(sequence, last?.firstSequence ?? 0));
  }

  /** Remembered at once; on the disk after `sync`. */
  add(decision: Decision): void {
    this.#unwritten.push(decision);
    this.#remembered.get(this.#files.at(-1)!.number)!.add(decision.key, decision.verdict);
  }

  /** All that was added is on the disk when it returns. After a throw nothing is known: make another journal. */
  sync(): void {
    if (this.#unwritten.length === 0) return;
    const block = encodeBlock(this.#unwritten);
    writeWhole(this.#fd!, block, this.#end);
    fdatasyncSync(this.#fd!);
    this.#end += block.length;
    this.#unwritten = [];
  }

  /** Nobody asks for what is before that sequence any more. */
  release(sequence: number): void {
    while (this.#files.length > REMEMBERED_FILES && this.#files[1]!.firstSequence < sequence) {
      const [file] = this.#files.splice(0, 1);
      this.#loaded.delete(file!.number);
      unlinkSync(this.#pathOf(file!.number));
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  // ---- files ----

  #pathOf(number: number): string {
    return path.join(this.#options.directory, `verdicts-${String(number).padStart(8, '0')}`);
  }

  /**
   * A file too many is looked at rather than one too few: one that begins there does not hold what was read just before,
   * and after a restart, which reads again, several may begin at one place.
   */
  #fileAt(sequence: number): number {
    const { firstSequence = 0 } = this.#files.findLast((file) => file.firstSequence < sequence) ?? {};
    const index = this.#files.findIndex((file) => file.firstSequence >= firstSequence);
    return Math.max(0, index);
  }

  #tableOf({ number }: JournalFile): VerdictTable {
    const known = this.#remembered.get(number) ?? this.#loaded.get(number);
    if (known !== undefined) return known;
    const { table } = decodeFile(readFileSync(this.#pathOf(number)));
    this.#loaded.set(number, table);
    return table;
  }

  #adopt(): void {
    const numbers = readdirSync(this.#options.directory).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
    for (const number of numbers.sort((a, b) => a - b)) this.#adoptFile(number);
    const last = this.#files.at(-1);
    if (last === undefined) return;
    for (const file of this.#files.slice(-REMEMBERED_FILES)) this.#remember(file.number, this.#tableOf(file));
    this.#reopen(last.number);
  }

  /** One whose header is not whole was never written to. */
  #adoptFile(number: number): void {
    const file = this.#pathOf(number);
    const header = decodeHeader(readFileSync(file));
    if (header?.bufferId !== this.#options.bufferId) {
      unlinkSync(file);
      return;
    }
    this.#secret = header.secret;
    this.#files.push({ number, firstSequence: header.firstSequence });
  }

  #reopen(number: number): void {
    const file = this.#pathOf(number);
    this.#end = decodeFile(readFileSync(file)).end;
    this.#fd = openSync(file, 'r+');
    ftruncateSync(this.#fd, this.#end);
    fdatasyncSync(this.#fd);
  }

  #begin(number: number, firstSequence: number): void {
    const { directory, bufferId } = this.#options;
    const header = encodeHeader({ bufferId, secret: this.#secret, firstSequence });
    this.close();
    this.#fd = openSync(this.#pathOf(number), 'w', 0o600);
    writeWhole(this.#fd, header, 0);
    fdatasyncSync(this.#fd);
    syncDirectory(directory);
    this.#end = header.length;
    this.#files.push({ number, firstSequence });
    this.#remember(number, new VerdictTable(this.#recordsPerFile));
  }

  #remember(number: number, table: VerdictTable): void {
    this.#loaded.delete(number);
    this.#remembered.set(number, table);
    for (const old of this.#remembered.keys()) {
      if (this.#remembered.size <= REMEMBERED_FILES) return;
      this.#remembered.delete(old);
    }
  }
}

function encodeHeader({ bufferId, secret, firstSequence }: Header): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.write(bufferId, MAGIC.length, ID_BYTES, 'latin1');
  secret.copy(header, MAGIC.length + ID_BYTES);
  header.writeDoubleLE(firstSequence, HEADER_BYTES - 12);
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return header;
}

function decodeHeader(file: Buffer): Header | undefined {
  if (file.length < HEADER_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(file.subarray(0, HEADER_BYTES - 4)) !== file.readUInt32LE(HEADER_BYTES - 4)) return undefined;
  const secretAt = MAGIC.length + ID_BYTES;
  return {
    bufferId: file.toString('latin1', MAGIC.length, secretAt).replace(/\0+$/, ''),
    secret: Buffer.from(file.subarray(secretAt, secretAt + SECRET_BYTES)),
    firstSequence: file.readDoubleLE(HEADER_BYTES - 12),
  };
}

function encodeBlock(decisions: readonly Decision[]): Buffer {
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + decisions.length * RECORD_BYTES);
  let at = BLOCK_HEADER_BYTES;
  for (const { key, verdict } of decisions) {
    block.set(new Uint8Array(key.buffer, key.byteOffset, key.byteLength), at);
    block[at + RECORD_BYTES - 1] = verdict === 'kept' ? 1 : 0;
    at += RECORD_BYTES;
  }
  block.writeUInt32LE(decisions.length, 0);
  block.writeUInt32LE(crc32(block.subarray(BLOCK_HEADER_BYTES)), 4);
  return block;
}

/** Its verdicts, and where the last whole block ends. */
function decodeFile(file: Buffer): { table: VerdictTable; end: number } {
  const table = new VerdictTable();
  let end = HEADER_BYTES;
  for (let stop = stopOfBlock(file, end); stop !== undefined; stop = stopOfBlock(file, end)) {
    for (let at = end + BLOCK_HEADER_BYTES; at < stop; at += RECORD_BYTES) {
      const key = new Uint8Array(file.subarray(at, at + RECORD_BYTES - 1));
      table.add(new Uint32Array(key.buffer), file[at + RECORD_BYTES - 1] === 1 ? 'kept' : 'dropped');
    }
    end = stop;
  }
  return { table, end };
}

function stopOfBlock(file: Buffer, from: number): number | undefined {
  const content = from + BLOCK_HEADER_BYTES;
  if (content > file.length) return undefined;
  const stop = content + file.readUInt32LE(from) * RECORD_BYTES;
  const isWhole = stop > content && stop <= file.length;
  return isWhole && crc32(file.subarray(content, stop)) === file.readUInt32LE(from + 4) ? stop : undefined;
}

function writeWhole(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}
