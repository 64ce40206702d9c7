/**
 * Reading protobuf's wire format from one buffer at a time. Functions take a position and the end of the message around
 * it, and throw a WireError rather than read past it. Synchronous code alone may use it: the buffer is a variable of
 * the module, which is the cheapest to reach on the hot path.
 */

/** Groups are skipped wherever they stand; the depth to which they may nest is bounded. */
export const MAX_GROUP_DEPTH = 64;

const NOTHING = Buffer.alloc(0);

export let bytes: Buffer = NOTHING;
export let view: DataView = new DataView(NOTHING.buffer);
/** Where the last read ended: of a length-delimited field, where its content starts. */
export let next = 0;
/** Low and high half of the 64-bit varint that was read last, as signed 32-bit numbers. */
export let low = 0;
export let high = 0;

export class WireError extends Error {
  constructor(
    readonly offset: number,
    message: string,
  ) {
    super(message);
  }
}

export function openWire(body: Uint8Array): void {
  bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  view = new DataView(body.buffer, body.byteOffset, body.length);
}

export function closeWire(): void {
  openWire(NOTHING);
}

/** At most 5 bytes and 32 bits; leaves `next` behind the tag. */
export function readTag(pos: number, end: number): number {
  const from = pos;
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (pos >= end) throw new WireError(pos, 'the message ends inside a tag');
    const byte = bytes[pos++]!;
    value = (value | ((byte & 0x7f) << shift)) >>> 0;
    if (byte < 0x80) {
      if (shift === 28 && byte > 0x0f) break;
      if (value < 8) throw new WireError(from, 'field number 0');
      next = pos;
      return value;
    }
  }
  throw new WireError(from, 'invalid tag');
}

/** The end of the length-delimited field whose length (31 bits) stands at `pos`; `next` is where its content starts. */
export function readStop(pos: number, end: number): number {
  const from = pos;
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (pos >= end) throw new WireError(pos, 'the message ends inside a length');
    const byte = bytes[pos++]!;
    length = (length | ((byte & 0x7f) << shift)) >>> 0;
    if (byte < 0x80) {
      if (shift === 28 && byte > 0x07) break;
      if (length > end - pos) throw new WireError(from, `a length of ${length} bytes where ${end - pos} are left`);
      next = pos;
      return pos + length;
    }
  }
  throw new WireError(from, 'invalid length');
}

/** The same for a length of one byte that is sound, which nearly all are; 0 for what `readStop` must look at. */
export function shortStop(pos: number, end: number): number {
  if (pos >= end) return 0;
  const length = bytes[pos]!;
  return length < 0x80 && length < end - pos ? pos + 1 + length : 0;
}

export function skipVarint(pos: number, end: number): number {
  const limit = pos + 10;
  while (pos < end && pos < limit) if (bytes[pos++]! < 0x80) return pos;
  throw new WireError(pos, pos < limit ? 'the message ends inside a varint' : 'a varint of more than 10 bytes');
}

export function skipFixed(pos: number, size: number, end: number): number {
  if (end - pos < size) throw new WireError(pos, `the message ends inside a fixed${size * 8}`);
  return pos + size;
}

/** Behind the content of a field that is not length-delimited. */
export function skip(tag: number, pos: number, end: number): number {
  switch (tag & 7) {
    case 0:
      return pos < end && bytes[pos]! < 0x80 ? pos + 1 : skipVarint(pos, end);
    case 1:
      return skipFixed(pos, 8, end);
    case 3:
      return skipGroup(tag >>> 3, pos, end);
    case 5:
      return skipFixed(pos, 4, end);
    default:
      throw new WireError(pos, `invalid wire type ${tag & 7}`);
  }
}

function skipGroup(field: number, pos: number, end: number): number {
  const open = [field];
  while (open.length > 0) {
    const tag = readTag(pos, end);
    pos = next;
    if ((tag & 7) === 4) {
      if (open.pop() !== tag >>> 3) throw new WireError(pos, 'the end of a group that is not open');
    } else if ((tag & 7) === 3) {
      if (open.push(tag >>> 3) > MAX_GROUP_DEPTH)
        throw new WireError(pos, `groups nest deeper than ${MAX_GROUP_DEPTH}`);
    } else if ((tag & 7) === 2) pos = readStop(pos, end);
    else pos = skip(tag, pos, end);
  }
  return pos;
}

/** Into `low` and `high`; bits beyond the 64th are dropped, as protobuf does. Leaves `next` behind it. */
export function readVarint(pos: number, end: number): void {
  next = skipVarint(pos, end);
  low = 0;
  high = 0;
  for (let shift = 0; pos < next; shift += 7) {
    const bits = bytes[pos++]! & 0x7f;
    if (shift < 32) low |= bits << shift;
    if (shift > 28) high |= bits << (shift - 32);
    else if (shift === 28) high |= bits >>> 4;
  }
}

/** An unsigned 32-bit varint; leaves `next` behind it. */
export function readUint32(pos: number, end: number): number {
  if (pos < end && bytes[pos]! < 0x80) {
    next = pos + 1;
    return bytes[pos]!;
  }
  readVarint(pos, end);
  return low >>> 0;
}
