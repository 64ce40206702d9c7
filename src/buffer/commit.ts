/**
 * Group commit: everything that arrived while the last group was written and synced goes out in the next one, then all
 * of it is acknowledged, in the order in which it came.
 */
import { crc32 } from 'node:zlib';
import type { Appended, FrameInput } from '../component.js';
import { GatewayError } from '../errors.js';
import { headerBytesOf, MAX_WORKSPACE_BYTES, piecesOf } from './frame.js';

/** A writev takes 1024 pieces on Linux; each frame has a header and at least one more. */
const MAX_GROUP_PIECES = 1000;
/** Larger groups don't get faster; smaller ones are acknowledged sooner. */
const MAX_GROUP_BYTES = 8 * 2 ** 20;

/** A frame on its way to the disk. */
export interface PendingFrame {
  frame: FrameInput;
  pieces: readonly Uint8Array[];
  payloadBytes: number;
  payloadCrc: number;
  headerBytes: number;
  frameBytes: number;
  receivedTimeUnixMs: number;
  /** Given when it is written. */
  sequence: number;
  resolve(appended: Appended): void;
  reject(error: GatewayError): void;
}

export interface GroupWriter {
  /**
   * Makes room for the frame where there is less. Rejects with BUFFER_FULL, which is the answer to all that wait, or a
   * disk error, which is the answer to one group.
   */
  makeRoom(frameBytes: number): Promise<number>;
  /** Writes them all, or rejects with a GatewayError. */
  write(group: PendingFrame[]): Promise<void>;
}

export interface GroupCommitOptions {
  writer: GroupWriter;
  maxPendingBytes: number;
  maxFrameBytes: number;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: PendingFrame[] = [];
  #pendingFrames = 0;
  #pendingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get pendingFrames(): number {
    return this.#pendingFrames;
  }
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  append(frame: FrameInput): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const pending = toPending(frame, resolve, reject);
      this.#admit(pending.frameBytes);
      this.#queue.push(pending);
      this.#pendingFrames += 1;
      this.#pendingBytes += pending.frameBytes;
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #admit(frameBytes: number): void {
    const { maxFrameBytes, maxPendingBytes } = this.#options;
    if (frameBytes > maxFrameBytes) {
      throw new GatewayError('PAYLOAD_TOO_LARGE', `A frame of ${frameBytes} bytes; the buffer takes ${maxFrameBytes}`);
    }
    if (this.#pendingBytes > 0 && this.#pendingBytes + frameBytes > maxPendingBytes) {
      throw new GatewayError('OVERLOADED', 'The disk of the buffer is slower than what comes in');
    }
  }

  async #run(): Promise<void> {
    // What the other sockets have ready in this turn of the event loop joins the first group.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) await this.#commitNext();
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    let group: PendingFrame[] = [];
    try {
      const room = await this.#options.writer.makeRoom(this.#queue[0]!.frameBytes);
      group = this.#take(room);
      await this.#options.writer.write(group);
      this.#settle(group);
      for (const pending of group) pending.resolve({ sequence: pending.sequence });
    } catch (error) {
      this.#refuse(group, error as GatewayError);
    }
  }

  #refuse(group: PendingFrame[], error: GatewayError): void {
    const refused = group.length > 0 ? group : this.#take(error.code === 'BUFFER_FULL' ? undefined : MAX_GROUP_BYTES);
    this.#settle(refused);
    for (const pending of refused) pending.reject(error);
  }

  #settle(group: PendingFrame[]): void {
    this.#pendingFrames -= group.length;
    for (const pending of group) this.#pendingBytes -= pending.frameBytes;
  }

  /** As many as go into the room, the first in any case; all of them without a room. */
  #take(roomBytes: number | undefined): PendingFrame[] {
    if (roomBytes === undefined) return this.#queue.splice(0);
    let bytes = 0;
    let pieces = 0;
    const end = this.#queue.findIndex((pending, index) => {
      bytes += pending.frameBytes;
      pieces += 1 + pending.pieces.length;
      return index > 0 && (bytes > Math.min(roomBytes, MAX_GROUP_BYTES) || pieces > MAX_GROUP_PIECES);
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }
}

type Settlers = Pick<PendingFrame, 'resolve' | 'reject'>;

function toPending(frame: FrameInput, resolve: Settlers['resolve'], reject: Settlers['reject']): PendingFrame {
  const pieces = piecesOf(frame);
  const workspaceBytes = Buffer.byteLength(frame.workspace);
  if (workspaceBytes > MAX_WORKSPACE_BYTES)
    throw new GatewayError('BAD_REQUEST', 'The name of the workspace is too long');
  const payloadBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const headerBytes = headerBytesOf(workspaceBytes, payloadBytes);
  return {
    frame,
    pieces,
    payloadBytes,
    // Taken here, it costs the time in which the group before this one is being synced anyway.
    payloadCrc: pieces.reduce((crc, piece) => crc32(piece, crc), 0),
    headerBytes,
    frameBytes: headerBytes + payloadBytes,
    receivedTimeUnixMs: Date.now(),
    sequence: 0,
    resolve,
    reject,
  };
}
