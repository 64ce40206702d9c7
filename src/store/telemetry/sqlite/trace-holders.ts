/**
 * Whether other blocks may hold a part of a trace: asked for nearly every batch that a rare filter passes by. A block is
 * looked into a few times; then its trace ids are taken into a filter, which answers most questions without a lookup.
 */
import type { BlockReader } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { hashTraceId, TraceFilter } from './trace-filter.js';

/** Making a filter costs about as much as so many lookups for each thousand batches of the block. */
const LOOKUPS_BEFORE_FILTER = 1000;
const IDS_AT_A_TIME = 8192;
/** Some 30 ms: a slice of a list isn't held up by a large block, whose filter is made over several slices. */
const PIECES_AT_A_TIME = 16;
/** In each reading thread: a filter has 16 to 32 bits for each batch of a trace. */
const MAX_FILTER_BYTES = 24 * 2 ** 20;
const MIN_FILTER_BITS = 2 ** 17;

interface Knowledge {
  lookups: number;
  filter: TraceFilter | undefined;
  /** The filter has the rows up to here. */
  lastRow: number;
  /** It had them all when it was last refreshed. */
  complete: boolean;
}

export class TraceHolders {
  /** By file, least recently used first. */
  private readonly known = new Map<string, Knowledge>();

  constructor(private readonly catalog: Catalog) {}

  /** Takes in what was committed since, for as long as a slice may take. */
  refresh(blocks: readonly Block[]): void {
    for (const { file } of blocks) {
      const knowledge = this.knowledgeOf(file);
      if (knowledge.lookups < LOOKUPS_BEFORE_FILTER) continue;
      this.catalog.read(file, (reader) => takeIn(reader, knowledge));
    }
    this.forgetOldest();
  }

  mayHold(blocks: readonly Block[], workspace: string, traceId: Uint8Array): boolean {
    const hash = hashTraceId(traceId);
    return blocks.some(({ file }) => {
      const knowledge = this.known.get(file);
      if (knowledge?.filter && knowledge.complete) return knowledge.filter.mayHold(hash);
      if (knowledge) knowledge.lookups++;
      return this.catalog.read(file, (reader) => reader.hasTrace(workspace, traceId)) ?? false;
    });
  }

  private knowledgeOf(file: string): Knowledge {
    const knowledge = this.known.get(file) ?? { lookups: 0, filter: undefined, lastRow: 0, complete: false };
    this.known.delete(file);
    this.known.set(file, knowledge);
    return knowledge;
  }

  private forgetOldest(): void {
    let bytes = 0;
    for (const { filter } of this.known.values()) bytes += filter?.bytes ?? 0;
    for (const [file, { filter }] of this.known) {
      if (bytes <= MAX_FILTER_BYTES) return;
      bytes -= filter?.bytes ?? 0;
      this.known.delete(file);
    }
  }
}

function takeIn(reader: BlockReader, knowledge: Knowledge): void {
  const rows = reader.lastTraceBatch();
  // One that its block has outgrown is made anew.
  if (!knowledge.filter || rows * 8 > knowledge.filter.bytes * 8) {
    knowledge.filter = new TraceFilter(bitsFor(rows));
    knowledge.lastRow = 0;
  }
  for (let piece = 0; piece < PIECES_AT_A_TIME && knowledge.lastRow < rows; piece++) {
    const { ids, last } = reader.traceIdsAfter(knowledge.lastRow, IDS_AT_A_TIME);
    for (let at = 0; at < ids.length; at += 16) knowledge.filter.add(hashTraceId(ids.subarray(at, at + 16)));
    knowledge.lastRow = last;
  }
  knowledge.complete = knowledge.lastRow >= rows;
}

/** A power of two. */
function bitsFor(rows: number): number {
  return Math.max(2 ** Math.ceil(Math.log2(rows * 16 + 1)), MIN_FILTER_BITS);
}
