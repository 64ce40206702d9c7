import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Frame, FrameRange, Signal } from '../component.js';
import { decodeHeader, type Found, type FrameHeader, FrameWalk, MARKER_BYTES, partsOf } from './frame.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment.js';

const NO_TRAILER = Buffer.alloc(0);

/** Bytes that were one frame or several. */
export interface DamagedFrame {
  damaged: true;
  /** The sequences that are missing, as far as the neighbours tell. */
  firstSequence: number;
  lastSequence: number;
  reason: string;
  /** What stands there: a view into the range that was read. */
  bytes: Buffer;
  /** Known when only the payload is damaged. */
  signal?: Signal;
  workspace?: string;
  items?: number;
}

/**
 * The frames of a range in their order, read at once and synchronously: for worker threads. Payloads are views into
 * fresh memory. Throws only when the file can't be read.
 */
export function* readFrames(range: FrameRange): Generator<Frame | DamagedFrame> {
  const { bytes, marker } = readRange(range);
  yield* framesOf(range, bytes, marker);
}

/**
 * The same where nothing may wait for a disk, and for those who send on: nothing is left between the payloads of two frames
 * that stand one behind the other, so that they can be sent as one, uncopied. No frame has its trailer, and what is damaged
 * has its bytes only until the next one is asked for. `memory`: what is read into, as long as the range or longer.
 */
export async function readPayloads(range: FrameRange, memory: Buffer): Promise<Iterable<Frame | DamagedFrame>> {
  const handle = await open(range.path, 'r');
  try {
    const bytes = memory.subarray(0, range.length);
    await readBytesAside(handle, bytes, range.offset);
    return closedUp(framesOf(range, bytes, await markerAside(handle, bytes)), bytes);
  } finally {
    await handle.close();
  }
}

/** What is moved only ever comes to stand where a header, a trailer or an earlier payload was: those were read already. */
function* closedUp(frames: Iterable<Frame | DamagedFrame>, bytes: Buffer): Generator<Frame | DamagedFrame> {
  let end = 0;
  for (const frame of frames) {
    if ('damaged' in frame) yield frame;
    else {
      const from = frame.payload.byteOffset - bytes.byteOffset;
      const payload = bytes
        .copyWithin(end, from, from + frame.payload.length)
        .subarray(end, end + frame.payload.length);
      end += payload.length;
      yield { ...frame, payload, trailer: NO_TRAILER };
    }
  }
}

function* framesOf(range: FrameRange, bytes: Buffer, marker: Buffer): Generator<Frame | DamagedFrame> {
  const walk = new FrameWalk(marker, 0);
  let expected = range.firstSequence;
  let lost: Found | undefined;
  for (const found of walk.over(bytes, 0, true)) {
    if (found.header === undefined) lost = found;
    else {
      if (lost !== undefined) yield toLost(bytes.subarray(lost.at, found.at), expected, found.header.sequence - 1);
      yield found.kind === 'frame' ? toFrame(bytes, found.at, found.header) : toDamaged(bytes, found.at, found.header);
      expected = found.header.sequence + 1;
      lost = undefined;
    }
  }
  if (walk.end < bytes.length) yield toLost(bytes.subarray(walk.end), expected, range.lastSequence);
}

function readRange(range: FrameRange): { bytes: Buffer; marker: Buffer } {
  const fd = openSync(range.path, 'r');
  try {
    const bytes = readBytes(fd, range.offset, range.length);
    return { bytes, marker: markerOf(fd, bytes) };
  } finally {
    closeSync(fd);
  }
}

/** As its first frame tells it, or else the header of the segment. */
function markerOf(fd: number, bytes: Buffer): Buffer {
  const marker = bytes.subarray(0, MARKER_BYTES);
  if (decodeHeader(bytes, 0, marker) !== undefined) return marker;
  return decodeSegmentHeader(readBytes(fd, 0, SEGMENT_HEADER_BYTES))?.marker ?? marker;
}

async function markerAside(handle: FileHandle, bytes: Buffer): Promise<Buffer> {
  // A copy: the first payload is moved to where it stands.
  const marker = Buffer.from(bytes.subarray(0, MARKER_BYTES));
  if (decodeHeader(bytes, 0, marker) !== undefined) return marker;
  const header = await readBytesAside(handle, Buffer.allocUnsafe(SEGMENT_HEADER_BYTES), 0);
  return decodeSegmentHeader(header)?.marker ?? marker;
}

async function readBytesAside(handle: FileHandle, bytes: Buffer, offset: number): Promise<Buffer> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.fill(0, filled);
}

function readBytes(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  // A file that became shorter: what is missing reads as damage.
  return bytes.fill(0, filled);
}

function toFrame(bytes: Buffer, at: number, header: FrameHeader): Frame {
  const { sequence, signal, encoding, workspace, items, receivedTimeUnixMs } = header;
  const content = bytes.subarray(at + header.headerBytes, at + header.frameBytes);
  return { sequence, signal, encoding, workspace, items, receivedTimeUnixMs, ...partsOf(content, header) };
}

function toDamaged(bytes: Buffer, at: number, header: FrameHeader): DamagedFrame {
  const { sequence, signal, workspace, items } = header;
  const place = { firstSequence: sequence, lastSequence: sequence, bytes: bytes.subarray(at, at + header.frameBytes) };
  return { damaged: true, ...place, reason: 'the checksum of the payload is wrong', signal, workspace, items };
}

function toLost(bytes: Buffer, firstSequence: number, lastSequence: number): DamagedFrame {
  const reason = 'no frame header where one was written';
  return { damaged: true, firstSequence, lastSequence: Math.max(firstSequence, lastSequence), reason, bytes };
}
