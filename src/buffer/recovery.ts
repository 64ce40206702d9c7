/**
 * What a directory of segments holds, read once at start in windows of a few MiB, so that the event loop goes on and the
 * memory stays small. Segments that every consumer is done with are not read.
 *
 * A place without a whole frame is stepped over: the next frame is found by its marker. What stands behind the last whole
 * frame of the newest segment is torn: never acknowledged when synced always, else lost with the power.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayError } from '../errors.js';
import type { Damage, RecoveryReport } from './events.js';
import {
  decodeHeader,
  type Found,
  type FrameHeader,
  FrameWalk,
  MARKER_BYTES,
  MAX_FRAME_HEADER_BYTES,
} from './frame.js';
import type { Marks } from './marks.js';
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type Segment,
  type SegmentHeader,
} from './segment.js';

const WINDOW_BYTES = 4 * 2 ** 20;
/** More places than this are counted, not listed. */
const MAX_LISTED_DAMAGES = 1000;

export interface SegmentFile {
  path: string;
  fileBytes: number;
  /** undefined in a file that holds nothing. */
  header: SegmentHeader | undefined;
  /** Why the header isn't what it was, when it isn't. */
  damage?: string;
}

export interface Recovered {
  /** In the order in which they were written. */
  live: Segment[];
  /** Files that hold nothing anybody needs. */
  free: string[];
  /** Nothing above was ever written. */
  highestSequence: number;
  report: RecoveryReport;
}

export interface RecoveryInput {
  files: SegmentFile[];
  bufferId: string;
  /** No consumer needs what is before. */
  neededSequence: number;
  /** Where consumers go on: no mark holds what is before and behind such a place. */
  cursors: ReadonlySet<number>;
  marks: Marks;
}

const SEGMENT_FILE = /^segment-\d+$/;

export async function listSegments(directory: string): Promise<SegmentFile[]> {
  const names = (await readdir(directory)).filter((name) => SEGMENT_FILE.test(name)).sort();
  return Promise.all(names.map((name) => readSegmentFile(path.join(directory, name))));
}

async function readSegmentFile(file: string): Promise<SegmentFile> {
  const handle = await open(file, 'r');
  try {
    const fileBytes = (await handle.stat()).size;
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES + MAX_FRAME_HEADER_BYTES);
    await handle.read(bytes, 0, bytes.length, 0);
    const header = decodeSegmentHeader(bytes);
    if (header !== undefined) return { path: file, fileBytes, header: supported(file, header) };
    if (bytes.subarray(0, SEGMENT_HEADER_BYTES).every((byte) => byte === 0)) return { path: file, fileBytes, header };
    return { path: file, fileBytes, header: headerFromFrame(bytes, fileBytes), damage: 'segment header' };
  } finally {
    await handle.close();
  }
}

function supported(file: string, header: SegmentHeader): SegmentHeader {
  if (header.version === FORMAT_VERSION) return header;
  const message = `${file} has format ${header.version}; this version reads format ${FORMAT_VERSION}`;
  throw new GatewayError('DATA_DIR_UNUSABLE', message);
}

/** Both copies of the header are damaged: the first frame still tells the marker. */
function headerFromFrame(bytes: Buffer, fileBytes: number): SegmentHeader | undefined {
  const marker = Buffer.from(bytes.subarray(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + MARKER_BYTES));
  const frame = decodeHeader(bytes, SEGMENT_HEADER_BYTES, marker);
  if (frame === undefined) return undefined;
  const unknown = { bufferId: '', previousSequence: 0, openedTimeUnixMs: 0 };
  return { ...unknown, version: FORMAT_VERSION, marker, firstSequence: frame.sequence, segmentBytes: fileBytes };
}

export function idOfSegments(files: SegmentFile[]): string | undefined {
  return files.find((file) => file.header !== undefined && file.header.bufferId !== '')?.header?.bufferId;
}

type Held = SegmentFile & { header: SegmentHeader };

export async function recover(input: RecoveryInput): Promise<Recovered> {
  const started = performance.now();
  const recovery = new Recovery(input);
  await recovery.run();
  recovery.recovered.report.durationMs = performance.now() - started;
  return recovery.recovered;
}

class Recovery {
  readonly recovered: Recovered;
  readonly #input: RecoveryInput;
  readonly #cursors: number[];

  constructor(input: RecoveryInput) {
    this.#input = input;
    this.#cursors = [...input.cursors].sort((a, b) => a - b);
    this.recovered = { live: [], free: [], highestSequence: 0, report: emptyReport() };
  }

  async run(): Promise<void> {
    const held = this.#sortOut();
    for (const [index, file] of held.entries()) {
      const next = held[index + 1]?.header;
      if (next !== undefined && lastBefore(next) < this.#input.neededSequence) this.#free(file);
      else await this.#scan(file, next);
    }
  }

  /** The files that hold something, in the order in which they were written. */
  #sortOut(): Held[] {
    const held: Held[] = [];
    for (const file of this.#input.files) {
      if (file.damage !== undefined) this.#reportHeader(file);
      if (file.header === undefined) this.#free(file);
      else held.push(ours({ ...file, header: file.header }, this.#input.bufferId));
    }
    for (const { header } of held) this.#saw(Math.max(header.firstSequence - 1, header.previousSequence));
    return held.sort((a, b) => a.header.firstSequence - b.header.firstSequence);
  }

  async #scan(file: Held, next: SegmentHeader | undefined): Promise<void> {
    const scan = new SegmentScan(file, this.#input.marks, this.#cursors);
    await scan.run();
    const { report } = this.recovered;
    report.segments += 1;
    report.scannedBytes += scan.end;
    report.frames += scan.frames;
    report.items += scan.items;
    const { end, lastSequence } = next === undefined ? this.#cutTail(file, scan) : this.#closeSegment(file, scan, next);
    for (const damage of scan.damages) this.#report(damage);
    this.#saw(lastSequence);
    const { marker, firstSequence } = file.header;
    const segmentBytes = next === undefined ? file.header.segmentBytes : file.fileBytes;
    this.recovered.live.push({ path: file.path, segmentBytes, marker, firstSequence, lastSequence, end });
  }

  /** The newest segment: what stands behind its last whole frame was never acknowledged, or was lost with the power. */
  #cutTail(file: Held, scan: SegmentScan): { end: number; lastSequence: number } {
    const { report } = this.recovered;
    report.tornBytes = scan.tornBytes;
    if (scan.tornBytes > 0) report.tornPath = file.path;
    for (const torn of scan.trailing) this.#saw(torn.lastSequence);
    return { end: scan.trailing[0]?.offset ?? scan.end, lastSequence: scan.lastSequence };
  }

  /** An older segment: all that was written to it was whole once. */
  #closeSegment(file: Held, scan: SegmentScan, next: SegmentHeader): { end: number; lastSequence: number } {
    const covered = scan.coverTrailing();
    if (next.previousSequence > covered) {
      const missing = { firstSequence: covered + 1, lastSequence: next.previousSequence };
      this.#report({ path: file.path, offset: scan.end, bytes: 0, ...missing, reason: 'frames missing at the end' });
    }
    return { end: scan.end, lastSequence: Math.max(covered, next.previousSequence) };
  }

  #free(file: SegmentFile): void {
    this.recovered.free.push(file.path);
  }

  #saw(sequence: number): void {
    this.recovered.highestSequence = Math.max(this.recovered.highestSequence, sequence);
  }

  #reportHeader({ path, header, fileBytes, damage }: SegmentFile): void {
    const bytes = header === undefined ? fileBytes : SEGMENT_HEADER_BYTES;
    const reason = `${damage}${header === undefined ? ': the segment is lost' : ''}`;
    this.#report({ path, offset: 0, bytes, firstSequence: 0, lastSequence: 0, reason });
  }

  #report(damage: Damage): void {
    const { report } = this.recovered;
    report.damagedPlaces += 1;
    if (report.damages.length < MAX_LISTED_DAMAGES) report.damages.push(damage);
  }
}

function emptyReport(): RecoveryReport {
  return {
    segments: 0,
    scannedBytes: 0,
    frames: 0,
    items: 0,
    tornBytes: 0,
    tornPath: undefined,
    damagedPlaces: 0,
    damages: [],
    durationMs: 0,
  };
}

/** The highest sequence in front of a segment, or a bound of it. */
function lastBefore(next: SegmentHeader): number {
  return next.previousSequence === 0 ? next.firstSequence - 1 : next.previousSequence;
}

function ours(file: Held, bufferId: string): Held {
  if (file.header.bufferId === bufferId || file.header.bufferId === '') return file;
  const message = `${file.path} belongs to another buffer (${file.header.bufferId}): move it out of the directory`;
  throw new GatewayError('DATA_DIR_UNUSABLE', message);
}

class SegmentScan {
  frames = 0;
  items = 0;
  lastSequence: number;
  end = SEGMENT_HEADER_BYTES;
  readonly damages: Damage[] = [];
  /** Damaged places behind the last whole frame. */
  trailing: Damage[] = [];
  readonly #file: Held;
  readonly #marks: Marks;
  /** Ascending; those that the scan passed are taken off. */
  readonly #cursors: number[];

  constructor(file: Held, marks: Marks, cursors: number[]) {
    this.#file = file;
    this.#marks = marks;
    this.#cursors = cursors;
    this.lastSequence = file.header.firstSequence - 1;
  }

  async run(): Promise<void> {
    const handle = await open(this.#file.path, 'r');
    try {
      const window = new Window(handle, Math.min(this.#file.fileBytes, this.#file.header.segmentBytes));
      const walk = new FrameWalk(this.#file.header.marker, SEGMENT_HEADER_BYTES);
      await this.#walk(walk, window);
      this.end = walk.end;
    } finally {
      await handle.close();
    }
  }

  get tornBytes(): number {
    return this.trailing.reduce((sum, { bytes }) => sum + bytes, this.#tornHeaderBytes);
  }
  #tornHeaderBytes = 0;

  async #walk(walk: FrameWalk, window: Window): Promise<void> {
    do {
      await window.load(walk.at, walk.neededBytes);
      for (const found of walk.over(window.bytes, window.offset, window.final)) this.#visit(found);
      await nextTurn();
    } while (!window.final);
    this.#tornHeaderBytes = window.tornBytes(walk.end, this.#file.header.marker);
  }

  #visit(found: Found): void {
    if (found.kind === 'damaged') this.trailing.push(this.#damageOf(found));
    else if (found.header.sequence > this.lastSequence) this.#addFrame(found.at, found.header);
  }

  #damageOf(found: Found & { kind: 'damaged' }): Damage {
    const firstSequence = found.header?.sequence ?? (this.trailing.at(-1)?.lastSequence ?? this.lastSequence) + 1;
    const reason = found.header === undefined ? 'no frame header' : 'payload checksum';
    const { path } = this.#file;
    return { path, offset: found.at, bytes: found.bytes, firstSequence, lastSequence: firstSequence, reason };
  }

  #addFrame(at: number, header: FrameHeader): void {
    const { sequence, signal, items, receivedTimeUnixMs } = header;
    const damaged = this.trailing[0];
    const offset = damaged?.offset ?? at;
    const firstSequence = damaged === undefined ? sequence : this.lastSequence + 1;
    const marked = { path: this.#file.path, offset, end: at + header.frameBytes, firstSequence, sequence, items };
    this.#marks.add({ ...marked, signal, receivedTimeUnixMs }, this.#passesCursor(sequence));
    this.#settleTrailing(sequence);
    this.frames += 1;
    this.items += items;
    this.lastSequence = sequence;
  }

  #passesCursor(sequence: number): boolean {
    let passed = false;
    while (this.#cursors.length > 0 && this.#cursors[0]! <= sequence) {
      this.#cursors.shift();
      passed = true;
    }
    return passed;
  }

  /** A whole frame follows, so these are damaged, not torn; it also tells where their sequences end. */
  #settleTrailing(nextSequence: number): void {
    for (const [index, damage] of this.trailing.entries()) {
      const until = this.trailing[index + 1]?.firstSequence ?? nextSequence;
      const known = damage.reason === 'payload checksum';
      this.damages.push(known ? damage : { ...damage, lastSequence: until - 1 });
    }
    this.trailing = [];
  }

  /** Damaged frames at the end belong to the last range, where the reader reports them. Returns the last sequence. */
  coverTrailing(): number {
    const last = this.trailing.at(-1);
    if (last === undefined) return this.lastSequence;
    this.damages.push(...this.trailing);
    if (this.frames > 0) this.#marks.cover(last.offset + last.bytes, last.lastSequence);
    return last.lastSequence;
  }
}

/** A part of a file in memory, moved on over it. */
class Window {
  bytes = Buffer.alloc(0);
  offset = 0;
  readonly #handle: FileHandle;
  #end: number;
  #memory = Buffer.alloc(0);

  constructor(handle: FileHandle, end: number) {
    this.#handle = handle;
    this.#end = end;
  }

  /** Nothing comes behind what is loaded. */
  get final(): boolean {
    return this.offset + this.bytes.length >= this.#end;
  }

  async load(at: number, neededBytes: number): Promise<void> {
    const wanted = Math.max(0, Math.min(Math.max(neededBytes, WINDOW_BYTES), this.#end - at));
    const kept = this.bytes.subarray(Math.max(0, at - this.offset));
    if (this.#memory.length < wanted) this.#memory = Buffer.allocUnsafeSlow(wanted);
    let filled = kept.copy(this.#memory);
    while (filled < wanted) {
      const { bytesRead } = await this.#handle.read(this.#memory, filled, wanted - filled, at + filled);
      if (bytesRead === 0) this.#end = at + filled;
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.bytes = this.#memory.subarray(0, filled);
    this.offset = at;
  }

  /** How much of a frame's head stands there: what a write left that was cut in the middle of it. */
  tornBytes(at: number, marker: Buffer): number {
    const within = at - this.offset;
    return within >= 0 && this.bytes.subarray(within, within + MARKER_BYTES).equals(marker) ? MARKER_BYTES : 0;
  }
}
