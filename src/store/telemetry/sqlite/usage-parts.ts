/**
 * What a block adds to sums that were asked for before: most blocks change no more, and a chart is asked for again and again.
 * SQLite tells a connection whether any other has changed the file since (a span, a deletion, a new price), so what is
 * remembered never disagrees with the rows.
 */
import { LRUCache } from 'lru-cache';
import type { UsagePart } from '../rollups.js';
import type { BlockReader } from './block-reader.js';

/** Of one reading thread. */
export const USAGE_PARTS_BYTES = 16 * 1024 * 1024;
/** Sums by session are as many as there are sessions: what takes more than this part of the room would push out all others. */
const LARGEST_ENTRY = 1 / 8;
/** A part without its sketches: names, sums, and what holds them. */
const PART_BYTES = 400;

interface Known {
  connection: number;
  /** Of the block as that connection saw it. */
  dataVersion: number;
  /** undefined: they are too many to keep. */
  parts: readonly UsagePart[] | undefined;
  bytes: number;
}

export class UsageParts {
  private readonly known: LRUCache<string, Known>;

  constructor(private readonly maxBytes: number) {
    this.known = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes });
  }

  /** Call it in one state of the block. undefined: there were too many to keep when they were read last. */
  of(reader: BlockReader, query: string, read: () => readonly UsagePart[]): readonly UsagePart[] | undefined {
    const name = `${reader.file} ${query}`;
    const known = this.known.get(name);
    const dataVersion = reader.dataVersion();
    const isCurrent = known?.connection === reader.connection && known.dataVersion === dataVersion;
    if (known && (isCurrent || !known.parts)) return known.parts;
    const parts = read();
    const bytes = bytesOf(parts);
    const kept = bytes <= this.maxBytes * LARGEST_ENTRY ? { parts, bytes } : { parts: undefined, bytes: PART_BYTES };
    this.known.set(name, { connection: reader.connection, dataVersion, ...kept });
    return parts;
  }
}

function bytesOf(parts: readonly UsagePart[]): number {
  let bytes = PART_BYTES;
  for (const { sketches } of parts) bytes += sketches.reduce((sum, { length }) => sum + length, PART_BYTES);
  return bytes;
}
