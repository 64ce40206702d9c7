/** 64-bit whole numbers as JavaScript numbers: exact up to 2^53, and free of BigInt on the hot path. */
const WORD = 2 ** 32;

export function writeUInt64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % WORD, offset);
  bytes.writeUInt32LE(Math.floor(value / WORD), offset + 4);
}

export function readUInt64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 4) * WORD + bytes.readUInt32LE(offset);
}
