/**
 * A segment file, little-endian: a header of 8 KiB, then frames one after another up to the fixed size of the file.
 * The header stands there twice, at offset 0 and at 4096, on two pages, because without it a segment can't be read.
 *
 * | offset | bytes | field                                                              |
 * |--------|-------|--------------------------------------------------------------------|
 * | 0      | 8     | "RINGSEG" and a zero                                               |
 * | 8      | 4     | CRC32 of bytes 12 to 72                                            |
 * | 12     | 4     | format version: 1                                                  |
 * | 16     | 16    | id of the buffer                                                   |
 * | 32     | 8     | marker: random, at the head of each frame of this round            |
 * | 40     | 8     | sequence of the first frame                                        |
 * | 48     | 8     | highest sequence that was written before this segment was opened   |
 * | 56     | 8     | size of the file                                                   |
 * | 64     | 8     | when it was opened, milliseconds since the epoch                   |
 *
 * What stands behind the last frame is of an earlier round, or zero.
 */
import { crc32 } from 'node:zlib';
import { MARKER_BYTES } from './frame.js';
import { readUInt64, writeUInt64 } from './words.js';

export const SEGMENT_HEADER_BYTES = 8192;
export const FORMAT_VERSION = 1;
const COPY_OFFSETS = [0, 4096];
const COPY_BYTES = 72;
const MAGIC = Buffer.from('RINGSEG\0', 'latin1');

export interface SegmentHeader {
  version: number;
  bufferId: string;
  marker: Buffer;
  firstSequence: number;
  previousSequence: number;
  segmentBytes: number;
  openedTimeUnixMs: number;
}

/** A segment that holds frames somebody may still need. */
export interface Segment {
  path: string;
  segmentBytes: number;
  marker: Buffer;
  firstSequence: number;
  lastSequence: number;
  /** Where the next frame goes; 0 while not even the header is written. */
  end: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(header.version, 12);
  bytes.write(header.bufferId.replaceAll('-', ''), 16, 'hex');
  header.marker.copy(bytes, 32);
  writeUInt64(bytes, header.firstSequence, 40);
  writeUInt64(bytes, header.previousSequence, 48);
  writeUInt64(bytes, header.segmentBytes, 56);
  writeUInt64(bytes, header.openedTimeUnixMs, 64);
  bytes.writeUInt32LE(crc32(bytes.subarray(12, COPY_BYTES)), 8);
  bytes.copy(bytes, COPY_OFFSETS[1], 0, COPY_BYTES);
  return bytes;
}

/** From the first copy that holds; undefined when neither does. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  const copy = COPY_OFFSETS.map((offset) => bytes.subarray(offset, offset + COPY_BYTES)).find(holds);
  if (copy === undefined) return undefined;
  return {
    version: copy.readUInt32LE(12),
    bufferId: toUuid(copy.toString('hex', 16, 32)),
    marker: Buffer.from(copy.subarray(32, 32 + MARKER_BYTES)),
    firstSequence: readUInt64(copy, 40),
    previousSequence: readUInt64(copy, 48),
    segmentBytes: readUInt64(copy, 56),
    openedTimeUnixMs: readUInt64(copy, 64),
  };
}

function holds(copy: Buffer): boolean {
  const complete = copy.length === COPY_BYTES && copy.subarray(0, MAGIC.length).equals(MAGIC);
  return complete && crc32(copy.subarray(12)) === copy.readUInt32LE(8);
}

function toUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
