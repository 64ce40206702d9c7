/**
 * Whether a trace may have other batches than the one that is looked at, in its block or in others: asked for nearly every
 * batch that a rare filter passes by. A block is looked into a few times; then its trace ids are taken into filters, which
 * answer most questions without a lookup.
 */
import type { BlockReader } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { hashTraceId, TraceFilter } from './trace-filter.js';

/** Making a filter costs about as much as so many lookups for each thousand batches of the block. */
const LOOKUPS_BEFORE_FILTER = 1000;
const IDS_AT_A_TIME = 8192;
/** Some 30 ms: a slice of a list isn't held up by a large block, whose filter is made over several slices. */
const PIECES_AT_A_TIME = 16;
/** In each reading thread: a block's two filters have 32 to 64 bits for each batch of a trace. */
const MAX_FILTER_BYTES = 24 * 2 ** 20;
const MIN_FILTER_BITS = 2 ** 17;

interface Filters {
  all: TraceFilter;
  /** Traces that came in more than one batch. */
  spread: TraceFilter;
}

interface Knowledge {
  lookups: number;
  filters: Filters | undefined;
  /** The filters have the rows up to here. */
  lastRow: number;
  /** They had them all when they were last refreshed. */
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

  /** Whether the block may have several batches of the trace, or one of the others any. */
  mayBeShared(block: Block, others: readonly Block[], workspace: string, traceId: Uint8Array): boolean {
    const own = this.known.get(block.file);
    if (!own?.filters || !own.complete) {
      if (own) own.lookups++;
      return true;
    }
    return own.filters.spread.mayHold(hashTraceId(traceId)) || this.mayHold(others, workspace, traceId);
  }

  mayHold(blocks: readonly Block[], workspace: string, traceId: Uint8Array): boolean {
    const hash = hashTraceId(traceId);
    return blocks.some(({ file }) => {
      const knowledge = this.known.get(file);
      if (knowledge?.filters && knowledge.complete) return knowledge.filters.all.mayHold(hash);
      if (knowledge) knowledge.lookups++;
      return this.catalog.read(file, (reader) => reader.hasTrace(workspace, traceId)) ?? false;
    });
  }

  private knowledgeOf(file: string): Knowledge {
    const knowledge = this.known.get(file) ?? { lookups: 0, filters: undefined, lastRow: 0, complete: false };
    this.known.delete(file);
    this.known.set(file, knowledge);
    return knowledge;
  }

  private forgetOldest(): void {
    let bytes = 0;
    for (const knowledge of this.known.values()) bytes += bytesOf(knowledge);
    for (const [file, knowledge] of this.known) {
      if (bytes <= MAX_FILTER_BYTES) return;
      bytes -= bytesOf(knowledge);
      this.known.delete(file);
    }
  }
}

function bytesOf({ filters }: Knowledge): number {
  return filters ? filters.all.bytes + filters.spread.bytes : 0;
}

function takeIn(reader: BlockReader, knowledge: Knowledge): void {
  const rows = reader.lastTraceBatch();
  // Those that their block has outgrown are made anew.
  if (!knowledge.filters || rows > knowledge.filters.all.bytes) {
    knowledge.filters = { all: new TraceFilter(bitsFor(rows)), spread: new TraceFilter(bitsFor(rows)) };
    knowledge.lastRow = 0;
  }
  for (let piece = 0; piece < PIECES_AT_A_TIME && knowledge.lastRow < rows; piece++) {
    const { ids, last } = reader.traceIdsAfter(knowledge.lastRow, IDS_AT_A_TIME);
    addTo(knowledge.filters, ids);
    knowledge.lastRow = last;
  }
  knowledge.complete = knowledge.lastRow >= rows;
}

function addTo({ all, spread }: Filters, ids: Uint8Array): void {
  for (let at = 0; at < ids.length; at += 16) {
    const hash = hashTraceId(ids.subarray(at, at + 16));
    if (all.mayHold(hash)) spread.add(hash);
    else all.add(hash);
  }
}

/** A power of two. */
function bitsFor(rows: number): number {
  return Math.max(2 ** Math.ceil(Math.log2(rows * 16 + 1)), MIN_FILTER_BITS);
}
