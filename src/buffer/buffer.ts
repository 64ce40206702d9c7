import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type {
  Appended,
  Appender,
  BufferConsumer,
  Component,
  ConsumerOptions,
  FrameInput,
  SequenceRange,
} from '../component.js';
import { GatewayError } from '../errors.js';
import { GroupCommit, type GroupWriter, type PendingFrame } from './commit.js';
import { type BufferConfig, type RingLayout, ringLayout } from './config.js';
import { CursorKeeper } from './cursor-keeper.js';
import { CursorFile, type KeptCursors } from './cursors.js';
import { type Disk, nodeDisk, syncDirectory } from './disk.js';
import type { BufferEvents, BufferState } from './events.js';
import { Follower, type FollowerHost, type Progress, type Whereabouts } from './follower.js';
import { encodeHeader } from './frame.js';
import { identify } from './identity.js';
import { type DirectoryLock, lockDirectory } from './lock.js';
import { Marks } from './marks.js';
import { idOfSegments, listSegments, type Recovered, recover } from './recovery.js';
import { Ring } from './ring.js';
import { SEGMENT_HEADER_BYTES } from './segment.js';

/**
 * After an end that wasn't orderly the sequences go on so far behind the highest that was found. With BUFFER_SYNC=interval
 * or off a power cut may take frames that the store has already; were their sequences given again, its ledger would take
 * the new frames for stored.
 */
const SEQUENCE_GAP = 2 ** 24;

export interface BufferOptions {
  config: BufferConfig;
  /** Made when it isn't there. One process at a time has it. */
  directory: string;
  /** The largest payload to take. */
  maxFrameBytes: number;
  events: BufferEvents;
  /**
   * Told of a consumer of an earlier start that this one has not, while frames are there that it did not release: `start`
   * rejects with what this makes, and no cursor has moved. Without it, or when it makes nothing, the consumer is forgotten.
   */
  unfinished?: (consumer: string) => GatewayError | undefined;
  disk?: Disk;
}

export interface BufferStats {
  state: BufferState;
  /** What the slowest consumer has not released. */
  bytes: number;
  frames: number;
  items: number;
  maxBytes: number;
  segments: number;
  /** The highest sequence that was acknowledged; 0 when there is none. */
  durableSequence: number;
  /** Appends that wait for the disk. */
  pendingAppends: number;
  pendingBytes: number;
}

export interface DurableBuffer extends Component, Appender {
  /** A UUID, made with the directory. Known once it is started. */
  readonly id: string;
  /**
   * The follower of that name, always the same object. Register it before `start` to go on exactly where it was: segments
   * that no registered consumer needs are written over. A new one starts at the oldest frame that others still need, or
   * at the oldest there is, or, told so, behind the newest. While none is registered, nothing is released. What was
   * registered at an earlier start, and isn't at this one, is forgotten: should it come back, it is new.
   */
  consumer(name: string, options?: ConsumerOptions): BufferConsumer;
  /**
   * Another follower of that name in the place of the one that there is, with options of its own: it begins with what that
   * one did not release, as after a restart. The one before is handed out nothing, and what it releases does not count.
   * Where there is none, it is as `consumer`.
   */
  renewConsumer(name: string, options?: ConsumerOptions): BufferConsumer;
  /** Forgets a consumer, and what it alone needed. Nothing happens when there is none of that name. */
  removeConsumer(name: string): void;
  stats(): BufferStats;
  /** Of each registered consumer. */
  progress(): Record<string, Progress>;
  /** What each registered consumer has done with the frame; undefined when none of that sequence was appended. */
  whereabouts(sequence: number): Record<string, Whereabouts> | undefined;
  /** Sequences that this start passed over, for the last end was not orderly: a power cut may have taken their frames. */
  readonly passedOver: SequenceRange | undefined;
}

/** Throws CONFIG_INVALID when the settings leave too small a ring. `start` rejects with DATA_DIR_LOCKED or _UNUSABLE. */
export function createBuffer(options: BufferOptions): DurableBuffer {
  return new RingBuffer(options);
}

class RingBuffer implements DurableBuffer, FollowerHost, GroupWriter {
  readonly name = 'buffer';
  readonly marks = new Marks();
  passedOver: SequenceRange | undefined;
  readonly #config: BufferConfig;
  readonly #directory: string;
  readonly #events: BufferEvents;
  readonly #unfinished: BufferOptions['unfinished'];
  readonly #layout: RingLayout;
  readonly #ring: Ring;
  readonly #commit: GroupCommit;
  readonly #cursors: CursorKeeper;
  readonly #followers = new Map<string, Follower>();
  /** placed: the consumers know where they are; open: appends are taken as well. */
  #phase: 'new' | 'placed' | 'open' | 'closed' = 'new';
  #state: BufferState = 'open';
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #lock: DirectoryLock | undefined;
  #id: string | undefined;
  #kept: KeptCursors = { version: 0, cursors: {} };
  #nextSequence = 1;
  /** Every registered consumer has released what is before. */
  #heldFrom = 1;
  /** The first sequence of this start. */
  #resumedFrom = 1;
  #syncTimer: NodeJS.Timeout | undefined;

  constructor({ config, directory, maxFrameBytes, events, unfinished, disk = nodeDisk }: BufferOptions) {
    this.#config = config;
    this.#directory = path.resolve(directory);
    this.#events = events;
    this.#unfinished = unfinished;
    this.#layout = ringLayout(config.maxBytes, maxFrameBytes);
    this.#ring = new Ring({ disk, directory: this.#directory, layout: this.#layout, sync: config.sync });
    this.#cursors = new CursorKeeper(new CursorFile(disk, this.#directory), this.#followers, events);
    this.#commit = new GroupCommit({
      writer: this,
      maxPendingBytes: config.maxPendingBytes,
      maxFrameBytes: this.#layout.segmentBytes - SEGMENT_HEADER_BYTES,
    });
  }

  get id(): string {
    if (this.#id === undefined) throw new Error('The buffer has its id once it is started');
    return this.#id;
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#shutdown(deadlineMs);
    return this.#closing;
  }

  append(frame: FrameInput): Promise<Appended> {
    if (this.#phase !== 'open' || this.#closing !== undefined) return Promise.reject(notOpen());
    if (this.#state === 'full') return Promise.reject(full());
    return this.#commit.append(frame);
  }

  consumer(name: string, options?: ConsumerOptions): BufferConsumer {
    const known = this.#followers.get(name);
    if (known !== undefined) return known;
    const follower = new Follower(name, this, options);
    this.#followers.set(name, follower);
    if (this.#phase === 'placed' || this.#phase === 'open') this.#place(follower);
    if (this.#phase === 'open') this.#cursors.soon();
    return follower;
  }

  renewConsumer(name: string, options?: ConsumerOptions): BufferConsumer {
    const before = this.#followers.get(name);
    if (before === undefined) return this.consumer(name, options);
    const follower = Follower.after(before, options);
    this.#followers.set(name, follower);
    return follower;
  }

  removeConsumer(name: string): void {
    if (!this.#followers.delete(name)) return;
    delete this.#kept.cursors[name];
    // Without any consumer nothing is released.
    if (this.#phase === 'open' && this.#followers.size > 0) this.moved();
  }

  stats(): BufferStats {
    return {
      state: this.#state,
      ...this.#held(),
      maxBytes: this.#layout.maxBytes,
      segments: this.#ring.segments,
      durableSequence: this.#ring.lastSequence,
      pendingAppends: this.#commit.pendingFrames,
      pendingBytes: this.#commit.pendingBytes,
    };
  }

  progress(): Record<string, Progress> {
    return Object.fromEntries([...this.#followers].map(([name, follower]) => [name, follower.progress()]));
  }

  whereabouts(sequence: number): Record<string, Whereabouts> | undefined {
    if (sequence < 1 || sequence > Math.max(this.#ring.lastSequence, this.#resumedFrom - 1)) return undefined;
    return Object.fromEntries([...this.#followers].map(([name, follower]) => [name, follower.whereabouts(sequence)]));
  }

  /** A consumer's cursor moved: what nobody needs any more makes room. */
  moved(): void {
    this.#heldFrom = Math.max(this.#heldFrom, this.#lowestCursor());
    this.marks.dropBefore(this.#heldFrom);
    this.#ring.free(this.#heldFrom);
    if (this.#state === 'full' && this.#canRoll()) this.#enter('open');
    this.#cursors.soon();
  }

  async makeRoom(frameBytes: number): Promise<number> {
    try {
      if (this.#ring.failure !== undefined) throw this.#ring.failure;
      if (this.#ring.room() < frameBytes) await this.#roll();
      return this.#ring.room();
    } catch (error) {
      throw this.#refused(error as GatewayError);
    }
  }

  async write(group: PendingFrame[]): Promise<void> {
    const started = performance.now();
    const offset = this.#ring.tail!.end || SEGMENT_HEADER_BYTES;
    const { pieces, bytes } = this.#encode(group);
    try {
      await this.#ring.write(pieces, bytes);
    } catch (error) {
      throw this.#refused(error as GatewayError);
    }
    const items = this.#publish(group, offset);
    this.#enter('open');
    this.#events.committed({ frames: group.length, items, bytes, durationMs: performance.now() - started });
  }

  async #roll(): Promise<void> {
    if (!this.#canRoll()) throw full();
    await this.#ring.roll();
    this.#ring.free(this.#heldFrom);
    // After a start with a smaller bound, what is drained makes the ring smaller; a file that stays is met again.
    await this.#ring.trim().catch(() => undefined);
  }

  /**
   * There is place for a segment, if need be because consumers that may lose frames lose those of the oldest: as long as
   * the others are done with it, nobody is refused for them.
   */
  #canRoll(): boolean {
    while (!this.#ring.canRoll(this.#heldFrom)) {
      const oldest = this.#ring.lastOf(this.#heldFrom);
      if (oldest === undefined || this.#lowestCursor(isLossless) <= oldest) return false;
      const before = this.#heldFrom;
      for (const follower of this.#followers.values()) follower.loseBefore(oldest + 1);
      if (this.#heldFrom === before) return false;
    }
    return true;
  }

  /** The pieces to write, the frames numbered in their order. The numbers of a write that fails are never given again. */
  #encode(group: PendingFrame[]): { pieces: Uint8Array[]; bytes: number } {
    const { marker } = this.#ring.tail!;
    const pieces = this.#ring.header(this.id, this.#nextSequence);
    let bytes = pieces[0]?.length ?? 0;
    for (const pending of group) {
      pending.sequence = this.#nextSequence++;
      pieces.push(encodeHeader(pending, marker), ...pending.pieces);
      bytes += pending.frameBytes;
    }
    return { pieces, bytes };
  }

  /** The group is as durable as promised: consumers may read it. */
  #publish(group: PendingFrame[], offset: number): number {
    const tail = this.#ring.tail!;
    const before = this.marks.totals;
    let end = offset;
    for (const { frame, frameBytes, sequence, receivedTimeUnixMs } of group) {
      const place = { path: tail.path, offset: end, end: end + frameBytes, firstSequence: sequence, sequence };
      this.marks.add({ ...place, signal: frame.signal, items: frame.items, receivedTimeUnixMs });
      end = place.end;
    }
    tail.lastSequence = group.at(-1)!.sequence;
    for (const follower of this.#followers.values()) follower.added(before, group[0]!.receivedTimeUnixMs);
    return this.marks.totals.items - before.items;
  }

  #refused(error: GatewayError): GatewayError {
    if (error.code === 'BUFFER_FULL') this.#enter('full', error);
    else this.#enter(error.code === 'DISK_FULL' ? 'disk-full' : 'failed', error);
    return error;
  }

  #enter(to: BufferState, error?: GatewayError): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#events.stateChanged({ from, to, error });
  }

  #held(): Pick<BufferStats, 'bytes' | 'frames' | 'items'> {
    const lags = [...this.#followers.values()].map((follower) => follower.lag());
    const all = lags.length === 0 ? [this.marks.totals] : lags;
    const { bytes, frames, items } = all.reduce((most, one) => (one.bytes > most.bytes ? one : most));
    return { bytes, frames, items };
  }

  #lowestCursor(counts: (follower: Follower) => boolean = () => true): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const follower of this.#followers.values()) if (counts(follower)) lowest = Math.min(lowest, follower.cursor);
    return lowest;
  }

  async #start(): Promise<void> {
    if (this.#closing !== undefined) throw new GatewayError('SHUTTING_DOWN', 'The buffer was shut down');
    try {
      await makeDirectory(this.#directory);
      this.#lock = await lockDirectory(this.#directory);
      await this.#open();
    } catch (error) {
      await this.#close();
      throw unusable(this.#directory, error);
    }
  }

  async #open(): Promise<void> {
    const directory = this.#directory;
    const { segmentBytes, maxBytes } = this.#layout;
    this.#kept = await this.#cursors.open();
    const files = await listSegments(directory);
    this.#id = await identify(directory, idOfSegments(files));
    this.#events.opened({ directory, id: this.#id, segmentBytes, maxBytes });
    const neededSequence = this.#neededSequence();
    const cursors = new Set(Object.values(this.#kept.cursors));
    const recovered = await recover({ files, bufferId: this.#id, neededSequence, cursors, marks: this.marks });
    if (files.length > 0) this.#events.recovered(recovered.report);
    this.#refuseUnfinished(recovered.highestSequence);
    await this.#resume(recovered, neededSequence);
  }

  async #resume(recovered: Recovered, neededSequence: number): Promise<void> {
    await this.#ring.adopt(recovered.live, recovered.free, this.#kept.nextSequence === undefined);
    await this.#ring.trim();
    this.#nextSequence = this.#sequenceAfter(recovered.highestSequence);
    this.#resumedFrom = this.#nextSequence;
    this.passedOver = this.#gapAfter(recovered.highestSequence);
    this.#heldFrom = Math.max(neededSequence, recovered.live[0]?.firstSequence ?? this.#nextSequence);
    this.#phase = 'placed';
    for (const follower of this.#followers.values()) this.#place(follower);
    // Others are new should they come back, as they are after a restart.
    if (this.#followers.size > 0) this.#kept = { ...this.#kept, cursors: {} };
    this.marks.dropBefore(this.#heldFrom);
    this.#ring.free(this.#heldFrom);
    // Takes the mark of the orderly end off, before anything is written behind it.
    await this.#cursors.now();
    this.#startSyncing();
    this.#phase = 'open';
  }

  #refuseUnfinished(highestSequence: number): void {
    for (const [name, cursor] of Object.entries(this.#kept.cursors)) {
      const refusal = !this.#followers.has(name) && cursor <= highestSequence ? this.#unfinished?.(name) : undefined;
      if (refusal !== undefined) throw refusal;
    }
  }

  /** Where the slowest of the registered consumers was; 1 when none of them was here before. */
  #neededSequence(): number {
    const known = [...this.#followers.keys()].flatMap((name) => this.#kept.cursors[name] ?? []);
    return known.length === 0 ? 1 : Math.min(...known);
  }

  #gapAfter(highestInSegments: number): SequenceRange | undefined {
    const gap = { first: this.#highestKnown(highestInSegments) + 1, last: this.#nextSequence - 1 };
    return gap.last < gap.first ? undefined : gap;
  }

  #highestKnown(highestInSegments: number): number {
    return Math.max(highestInSegments, ...Object.values(this.#kept.cursors).map((cursor) => cursor - 1));
  }

  #sequenceAfter(highestInSegments: number): number {
    const highest = this.#highestKnown(highestInSegments);
    const { nextSequence = 0, version } = this.#kept;
    if (version === 0 && highest <= 0) return 1;
    return nextSequence > highest ? nextSequence : highest + 1 + SEQUENCE_GAP;
  }

  #place(follower: Follower): void {
    // What is being written now has its sequences already, and is newer.
    const next = Math.max(this.#ring.lastSequence + 1, this.#resumedFrom);
    const fresh = follower.options.from === 'now' ? next : 0;
    const kept = this.#kept.cursors[follower.name] ?? fresh;
    follower.place(Math.max(kept, this.#heldFrom));
  }

  #startSyncing(): void {
    if (this.#config.sync !== 'interval') return;
    const sync = () => void this.#ring.sync().catch((error: GatewayError) => this.#refused(error));
    this.#syncTimer = setInterval(sync, this.#config.syncIntervalMs).unref();
  }

  async #shutdown(deadlineMs: number): Promise<void> {
    await this.#starting?.catch(() => undefined);
    if (this.#phase !== 'open') return;
    this.#phase = 'closed';
    clearInterval(this.#syncTimer);
    await within(deadlineMs, this.#finish());
  }

  async #finish(): Promise<void> {
    await this.#commit.idle();
    await this.#cursors.stop();
    try {
      await this.#ring.sync();
      await this.#cursors.now(this.#ring.failure === undefined ? this.#nextSequence : undefined);
    } catch (error) {
      this.#events.cursorsNotKept(error);
    }
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#phase = 'closed';
    await this.#ring.close();
    await this.#cursors.close();
    await this.#lock?.release();
    this.#lock = undefined;
  }
}

function isLossless({ options }: Follower): boolean {
  return options.overflow === undefined;
}

function notOpen(): GatewayError {
  return new GatewayError('SHUTTING_DOWN', 'The buffer is not open');
}

function full(): GatewayError {
  return new GatewayError('BUFFER_FULL', 'The buffer is full: its consumers are behind', { retryAfterMs: 1000 });
}

async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

function unusable(directory: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const message = `The directory of the buffer can't be used: ${directory}: ${(error as Error).message}`;
  return new GatewayError('DATA_DIR_UNUSABLE', message, { cause: error });
}

async function within(deadlineMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
