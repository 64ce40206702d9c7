/**
 * A frame, little-endian. It begins and ends at a multiple of 8 bytes of its segment file.
 *
 * | offset | bytes | field                                                                     |
 * |--------|-------|---------------------------------------------------------------------------|
 * | 0      | 8     | marker of the segment                                                     |
 * | 8      | 4     | CRC32 of the rest of the header, from offset 12 to the payload            |
 * | 12     | 4     | CRC32 of the payload                                                      |
 * | 16     | 4     | length of the payload                                                     |
 * | 20     | 4     | items                                                                     |
 * | 24     | 8     | sequence                                                                  |
 * | 32     | 8     | receive time, milliseconds since the epoch                                |
 * | 40     | 1     | signal: 1 traces, 2 logs, 3 metrics                                       |
 * | 41     | 1     | encoding: 1 protobuf, 2 json; 3 and 4 the same, with a trailer            |
 * | 42     | 2     | length of the workspace's name, at most 1024                              |
 * | 44     |       | the workspace's name in UTF-8                                             |
 * |        | 0–7   | zeros, so that the payload ends at a multiple of 8                        |
 * |        |       | payload                                                                   |
 *
 * With a trailer, what is called payload here is the payload, the trailer, and the trailer's length in 4 bytes.
 *
 * The marker is drawn at random each time a segment is opened. So neither a frame of the file's last time round the
 * circle, nor bytes that a client put into a payload, can pass for a frame when the reader looks for the next good one.
 * The header has its own CRC, so that a damaged payload costs one frame, and a damaged length is never believed.
 */
import { crc32 } from 'node:zlib';
import { type Encoding, type FrameInput, SIGNALS, type Signal } from '../component.js';
import { readUInt64, writeUInt64 } from './words.js';

const ENCODINGS: readonly Encoding[] = ['protobuf', 'json'];
export const ALIGNMENT = 8;
export const MARKER_BYTES = 8;
export const MAX_WORKSPACE_BYTES = 1024;
const FIXED_BYTES = 44;
/** A header without a workspace's name, and nothing behind it. */
export const MIN_FRAME_BYTES = FIXED_BYTES;
/** Where the header's CRC starts: behind the marker and the CRC itself. */
const CHECKED_FROM = 12;
export const MAX_FRAME_HEADER_BYTES = FIXED_BYTES + MAX_WORKSPACE_BYTES + ALIGNMENT;
const TRAILER_LENGTH_BYTES = 4;

export interface FrameHeader {
  signal: Signal;
  encoding: Encoding;
  hasTrailer: boolean;
  workspace: string;
  items: number;
  sequence: number;
  receivedTimeUnixMs: number;
  /** Bytes before the payload. */
  headerBytes: number;
  /** Bytes of the whole frame. */
  frameBytes: number;
  payloadCrc: number;
}

/** What stands at one place of a segment. */
type Step =
  | { kind: 'frame'; header: FrameHeader }
  /** The header holds, the payload doesn't. */
  | { kind: 'damaged'; header: FrameHeader }
  /** More bytes are needed to tell. */
  | { kind: 'short'; neededBytes: number }
  /** No header. */
  | { kind: 'none' };

export function headerBytesOf(workspaceBytes: number, payloadBytes: number): number {
  const bare = FIXED_BYTES + workspaceBytes;
  return bare + ((ALIGNMENT - ((bare + payloadBytes) % ALIGNMENT)) % ALIGNMENT);
}

function hasTrailer({ trailer }: Pick<FrameInput, 'trailer'>): boolean {
  return trailer !== undefined && trailer.length > 0;
}

/** What is written behind the header. */
export function piecesOf(frame: Pick<FrameInput, 'payload' | 'trailer'>): readonly Uint8Array[] {
  const payload = frame.payload instanceof Uint8Array ? [frame.payload] : frame.payload;
  if (!hasTrailer(frame)) return payload;
  const length = Buffer.allocUnsafe(TRAILER_LENGTH_BYTES);
  length.writeUInt32LE(frame.trailer!.length);
  return [...payload, frame.trailer!, length];
}

/** The other way: `content` is what stands behind the header of a frame whose checksum is right. */
export function partsOf(content: Buffer, { hasTrailer: trailed }: FrameHeader): { payload: Buffer; trailer: Buffer } {
  if (!trailed) return { payload: content, trailer: content.subarray(content.length) };
  const end = content.length - TRAILER_LENGTH_BYTES;
  const start = end - content.readUInt32LE(end);
  return { payload: content.subarray(0, start), trailer: content.subarray(start, end) };
}

export interface HeaderInput {
  frame: Pick<FrameInput, 'signal' | 'encoding' | 'workspace' | 'items' | 'trailer'>;
  sequence: number;
  receivedTimeUnixMs: number;
  headerBytes: number;
  payloadBytes: number;
  payloadCrc: number;
}

export function encodeHeader(input: HeaderInput, marker: Buffer): Buffer {
  const { frame } = input;
  const bytes = Buffer.allocUnsafe(input.headerBytes);
  marker.copy(bytes);
  bytes.writeUInt32LE(input.payloadCrc, 12);
  bytes.writeUInt32LE(input.payloadBytes, 16);
  bytes.writeUInt32LE(frame.items, 20);
  writeUInt64(bytes, input.sequence, 24);
  writeUInt64(bytes, input.receivedTimeUnixMs, 32);
  bytes[40] = SIGNALS.indexOf(frame.signal) + 1;
  bytes[41] = ENCODINGS.indexOf(frame.encoding) + 1 + (hasTrailer(frame) ? ENCODINGS.length : 0);
  const workspaceBytes = bytes.write(frame.workspace, FIXED_BYTES);
  bytes.writeUInt16LE(workspaceBytes, 42);
  bytes.fill(0, FIXED_BYTES + workspaceBytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM)), 8);
  return bytes;
}

function stepAt(bytes: Buffer, at: number, marker: Buffer): Step {
  if (at + FIXED_BYTES > bytes.length) return { kind: 'short', neededBytes: FIXED_BYTES };
  const lengths = lengthsAt(bytes, at, marker);
  if (lengths === undefined) return { kind: 'none' };
  if (at + lengths.headerBytes > bytes.length) return { kind: 'short', neededBytes: lengths.headerBytes };
  const header = headerAt(bytes, at, lengths);
  if (header === undefined) return { kind: 'none' };
  if (at + header.frameBytes > bytes.length) return { kind: 'short', neededBytes: header.frameBytes };
  const payload = bytes.subarray(at + header.headerBytes, at + header.frameBytes);
  return { kind: crc32(payload) === header.payloadCrc ? 'frame' : 'damaged', header };
}

/** The header at that place, whatever became of its payload; undefined when there is none that holds. */
export function decodeHeader(bytes: Buffer, at: number, marker: Buffer): FrameHeader | undefined {
  if (at + FIXED_BYTES > bytes.length) return undefined;
  const lengths = lengthsAt(bytes, at, marker);
  if (lengths === undefined || at + lengths.headerBytes > bytes.length) return undefined;
  return headerAt(bytes, at, lengths);
}

/** Where the next whole header begins, from `from` on; -1 when there is none. */
function findHeader(bytes: Buffer, from: number, marker: Buffer): number {
  let at = bytes.indexOf(marker, from);
  while (at !== -1 && (at % ALIGNMENT !== 0 || decodeHeader(bytes, at, marker) === undefined)) {
    at = bytes.indexOf(marker, at + 1);
  }
  return at;
}

/** A frame, or bytes that were one: with a header that holds and a damaged payload, or without a header. */
export type Found =
  | { kind: 'frame'; at: number; header: FrameHeader }
  | { kind: 'damaged'; at: number; bytes: number; header: FrameHeader | undefined };

/** Walks over the frames of a segment, in one piece or in windows, and steps over what is damaged. */
export class FrameWalk {
  readonly #marker: Buffer;
  /** Where the next thing to look at is. Offsets are those of the file. */
  at: number;
  /** How many bytes from there on the next window must have. */
  neededBytes = MAX_FRAME_HEADER_BYTES;
  /** Where no header was found, as long as none is found behind it. */
  #lostFrom: number | undefined;

  constructor(marker: Buffer, at: number) {
    this.#marker = marker;
    this.at = at;
  }

  /** Where the last thing that was found ends. */
  get end(): number {
    return this.#lostFrom ?? this.at;
  }

  /** What stands in the window that begins at `offset` of the file; after the `final` one comes nothing more. */
  *over(window: Buffer, offset: number, final: boolean): Generator<Found> {
    while (this.at - offset < window.length) {
      const step = this.#lostFrom === undefined ? stepAt(window, this.at - offset, this.#marker) : undefined;
      if (step?.kind === 'frame' || step?.kind === 'damaged') yield this.#pass(step.kind, step.header);
      else if (step?.kind === 'short' && !final) return this.#want(step.neededBytes);
      else {
        const lost = this.#resynchronise(window, offset);
        if (lost === undefined) return;
        yield lost;
      }
    }
  }

  #pass(kind: 'frame' | 'damaged', header: FrameHeader): Found {
    const { at } = this;
    this.at += header.frameBytes;
    this.neededBytes = MAX_FRAME_HEADER_BYTES;
    return { kind, at, bytes: header.frameBytes, header };
  }

  #want(neededBytes: number): void {
    this.neededBytes = neededBytes;
  }

  #resynchronise(window: Buffer, offset: number): Found | undefined {
    this.#lostFrom ??= this.at;
    const found = findHeader(window, Math.max(this.at, this.#lostFrom + ALIGNMENT) - offset, this.#marker);
    if (found === -1) return this.#searchOn(offset + window.length);
    const at = this.#lostFrom;
    this.at = offset + found;
    this.#lostFrom = undefined;
    return { kind: 'damaged', at, bytes: this.at - at, header: undefined };
  }

  /** A header may begin in this window and end in the next. */
  #searchOn(windowEnd: number): undefined {
    const cut = windowEnd - MAX_FRAME_HEADER_BYTES;
    this.at = Math.max(this.at, cut - (cut % ALIGNMENT));
    this.neededBytes = 2 * MAX_FRAME_HEADER_BYTES;
  }
}

interface Lengths {
  workspaceBytes: number;
  payloadBytes: number;
  headerBytes: number;
}

function lengthsAt(bytes: Buffer, at: number, marker: Buffer): Lengths | undefined {
  if (bytes.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0) return undefined;
  const workspaceBytes = bytes.readUInt16LE(at + 42);
  const payloadBytes = bytes.readUInt32LE(at + 16);
  if (workspaceBytes > MAX_WORKSPACE_BYTES) return undefined;
  return { workspaceBytes, payloadBytes, headerBytes: headerBytesOf(workspaceBytes, payloadBytes) };
}

function headerAt(bytes: Buffer, at: number, lengths: Lengths): FrameHeader | undefined {
  const checked = bytes.subarray(at + CHECKED_FROM, at + lengths.headerBytes);
  const signal = SIGNALS[bytes[at + 40]! - 1];
  const encodingByte = bytes[at + 41]! - 1;
  const encoding = encodingByte < 2 * ENCODINGS.length ? ENCODINGS[encodingByte % ENCODINGS.length] : undefined;
  if (crc32(checked) !== bytes.readUInt32LE(at + 8) || signal === undefined || encoding === undefined) return undefined;
  return {
    signal,
    encoding,
    hasTrailer: encodingByte >= ENCODINGS.length,
    workspace: bytes.toString('utf8', at + FIXED_BYTES, at + FIXED_BYTES + lengths.workspaceBytes),
    items: bytes.readUInt32LE(at + 20),
    sequence: readUInt64(bytes, at + 24),
    receivedTimeUnixMs: readUInt64(bytes, at + 32),
    headerBytes: lengths.headerBytes,
    frameBytes: lengths.headerBytes + lengths.payloadBytes,
    payloadCrc: bytes.readUInt32LE(at + 12),
  };
}
