/**
 * What a writer looks up before it writes: which frames of the buffer are applied already and which idempotency keys are
 * taken, in any block, and which spans and declarations the newest two blocks of every writer hold. Blocks of other writers are read over connections of its own.
 */
import type Database from 'better-sqlite3';
import type { SequenceRange } from '../../../component.js';
import { mergeRanges } from '../ranges.js';
import type { SeenResponse } from '../sightings.js';
import { BlockListing, type BlockName, parseBlockName } from './block-files.js';
import { openReadOnly } from './connection.js';
import { isDamaged } from './failures.js';
import { learn, MAX_FILTER_BYTES, mayHoldKey, type OlderBlock } from './older-block.js';
import {
  type BlockArrivals,
  type BlockEnd,
  type KeyedAnswer,
  type KeyQuery,
  RecentBlock,
  type TraceName,
} from './recent-block.js';
import type { Owners } from './trace-owners.js';

/** A client's resend is recognised while its first copy is in the newest two blocks of any writer. */
const BLOCKS_PER_WRITER = 2;
const READ_CACHE_KIB = 2048;

interface Settled {
  bufferId: string;
  /** A writer fills its newest block only, so older ones get no more rows. */
  blocks: Map<string, OlderBlock>;
  /** What they hold of the buffer. */
  ranges: SequenceRange[];
  filterBytes: number;
}

interface Ages {
  recent: Set<string>;
  older: BlockName[];
}

/** The block that a writer fills: what it holds is looked up over the writer's connection. */
export interface OpenBlock {
  readonly name: BlockName;
  readonly connection: Database.Database;
}

/** By file. */
export type BlockEnds = ReadonlyMap<string, BlockEnd>;

const NO_END: BlockEnd = { batch: 0, log: 0 };

export class RecentBlocks {
  private readonly blocks = new Map<string, RecentBlock>();
  /** Damaged: what they hold can't be compared with any more. The readers report them. */
  private readonly unusable = new Set<string>();
  private readonly listing: BlockListing;
  private listed: readonly BlockName[] = [];
  private ages: Ages = { recent: new Set(), older: [] };
  private settled: Settled = { bufferId: '', blocks: new Map(), ranges: [], filterBytes: 0 };

  constructor(private readonly directory: string) {
    this.listing = new BlockListing(directory);
  }

  /** Looks at the directory and at what was committed since; call before each batch. */
  refresh(own: OpenBlock | undefined): void {
    const listed = this.listing.list();
    if (listed !== this.listed) {
      this.ages = splitByAge(listed);
      this.forgetMissing();
    }
    this.listed = listed;
    const { recent } = this.ages;
    for (const file of this.blocks.keys()) if (!recent.has(file)) this.drop(file);
    for (const file of recent) this.guard(file, () => this.track(file, own).refresh());
  }

  /** Where the recent blocks of the other writers end, as far as `refresh` has taken them in. */
  endsOfOthers(writer: number): BlockEnds {
    const others = this.ofOthers(writer).map(([file, block]) => [file, block.end] as const);
    return new Map(others);
  }

  /** What came to the recent blocks of the other writers since they ended there. */
  arrivalsSince(ends: BlockEnds, writer: number): BlockArrivals[] {
    const arrivals = ([file, block]: [string, RecentBlock]) =>
      this.guard(file, () => block.arrivalsSince(ends.get(file) ?? NO_END)) ?? [];
    return this.ofOthers(writer).flatMap(arrivals);
  }

  /** File names. */
  get files(): string[] {
    return [...this.blocks.keys()];
  }

  private ofOthers(writer: number): [string, RecentBlock][] {
    return [...this.blocks].filter(([file]) => parseBlockName(file)!.writer !== writer);
  }

  /** What of `range` any block holds, whoever wrote it: after a crash the buffer may hand a range to another writer. */
  appliedRanges(bufferId: string, range: SequenceRange): SequenceRange[] {
    if (this.settled.bufferId !== bufferId) this.settled = { bufferId, blocks: new Map(), ranges: [], filterBytes: 0 };
    for (const { file } of this.ages.older) if (!this.settled.blocks.has(file)) this.settle(file);
    const ranges = [...this.settled.ranges];
    for (const [file, block] of this.blocks)
      this.guard(file, () => ranges.push(...block.appliedRanges(bufferId, range)));
    return mergeRanges(ranges);
  }

  /** Of the frames in `range` those that were applied and brought nothing new. */
  unwritten(bufferId: string, range: SequenceRange): Set<number> {
    const found: number[] = [];
    for (const [file, block] of this.blocks) this.guard(file, () => found.push(...block.unwritten(bufferId, range)));
    for (const { file } of this.ages.older) {
      if (!this.settled.blocks.get(file)?.hasUnwritten) continue;
      this.lookInto(file, (block) => found.push(...block.unwritten(bufferId, range)));
    }
    return new Set(found);
  }

  /** Runs of 8-byte span ids that the recent blocks hold of the group's trace. */
  spanIds(group: TraceName): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const [file, block] of this.blocks) this.guard(file, () => found.push(...block.spanIds(group)));
    return found;
  }

  /** Calls with that response that the recent blocks but `own` have counted. */
  seenResponses(workspace: string, hash: bigint, own: string | undefined): SeenResponse[] {
    const found: SeenResponse[] = [];
    for (const [file, block] of this.blocks) {
      if (file !== own) this.guard(file, () => found.push(...block.seenResponses(workspace, hash)));
    }
    return found;
  }

  /** The recent blocks but `own` that have something of the trace, with whose it is by each. */
  owners(trace: TraceName, own: string | undefined): { file: string; owners: Owners }[] {
    const found: { file: string; owners: Owners }[] = [];
    for (const [file, block] of this.blocks) {
      const owners = file === own ? undefined : this.guard(file, () => block.owners(trace));
      if (owners) found.push({ file, owners });
    }
    return found;
  }

  /** The recent blocks but `own` that have the span, then all older ones. */
  *otherBlocks(trace: TraceName, own: string): Generator<string> {
    for (const [file, block] of this.blocks) {
      if (file !== own && this.guard(file, () => block.spanIds(trace).length > 0)) yield file;
    }
    for (const { file } of this.ages.older) yield file;
  }

  /** The greatest that the recent blocks have of the trace; 0 for none. */
  lastRevision(trace: TraceName): number {
    let last = 0;
    for (const [file, block] of this.blocks) {
      last = Math.max(last, this.guard(file, () => block.lastRevision(trace)) ?? 0);
    }
    return last;
  }

  /** Whether the recent blocks have anything of the trace. */
  holds(trace: TraceName): boolean {
    return this.spanIds(trace).length > 0;
  }

  isDeclared(trace: TraceName): boolean {
    return [...this.blocks].some(([file, block]) => this.guard(file, () => block.isDeclared(trace)));
  }

  /** In any block that may hold a key that still counts. */
  keyedAnswer(query: KeyQuery): KeyedAnswer | undefined {
    for (const [file, block] of this.blocks) {
      const answer = this.guard(file, () => block.keyedAnswer(query));
      if (answer) return answer;
    }
    for (const name of this.ages.older) {
      const known = this.settled.blocks.get(name.file);
      if (!known || !mayHoldKey(name, known, query)) continue;
      const answer = this.lookInto(name.file, (block) => block.keyedAnswer(query));
      if (answer) return answer;
    }
    return undefined;
  }

  /** Call before the writer's own block is closed: it is looked into over a connection of its own from here on. */
  detach({ name: { file } }: OpenBlock): void {
    this.guard(file, () =>
      this.blocks.get(file)?.move(openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB })),
    );
  }

  close(): void {
    for (const file of [...this.blocks.keys()]) this.drop(file);
  }

  private track(file: string, own: OpenBlock | undefined): RecentBlock {
    const tracked = this.blocks.get(file);
    if (tracked) return tracked;
    const isOwn = own?.name.file === file;
    const db = isOwn ? own.connection : openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB });
    const block = new RecentBlock(db, !isOwn);
    this.blocks.set(file, block);
    return block;
  }

  /** Of blocks that were deleted. What they held of the buffer was applied all the same. */
  private forgetMissing(): void {
    const { settled } = this;
    const files = new Set(this.ages.older.map(({ file }) => file));
    for (const [file, { keys }] of settled.blocks) {
      if (files.has(file)) continue;
      settled.blocks.delete(file);
      if (typeof keys !== 'string') settled.filterBytes -= keys.bytes;
    }
  }

  private settle(file: string): void {
    const { settled } = this;
    const left = MAX_FILTER_BYTES - settled.filterBytes;
    const learnt = this.lookInto(file, (block) => learn(block, settled.bufferId, left));
    if (!learnt) return;
    settled.blocks.set(file, learnt);
    if (learnt.ranges.length > 0) settled.ranges = mergeRanges([...settled.ranges, ...learnt.ranges]);
    if (typeof learnt.keys !== 'string') settled.filterBytes += learnt.keys.bytes;
  }

  /** Over a connection for this once; undefined when the block is damaged. */
  private lookInto<Result>(file: string, look: (block: RecentBlock) => Result): Result | undefined {
    return this.guard(file, () => {
      const db = openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB });
      try {
        return look(new RecentBlock(db, false));
      } finally {
        db.close();
      }
    });
  }

  private drop(file: string): void {
    this.blocks.get(file)?.close();
    this.blocks.delete(file);
  }

  private guard<Result>(file: string, look: () => Result): Result | undefined {
    if (this.unusable.has(file)) return undefined;
    try {
      return look();
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.unusable.add(file);
      return undefined;
    }
  }
}

function splitByAge(newestFirst: readonly BlockName[]): Ages {
  const counts = new Map<number, number>();
  const isRecent = ({ writer }: BlockName) => {
    const count = (counts.get(writer) ?? 0) + 1;
    counts.set(writer, count);
    return count <= BLOCKS_PER_WRITER;
  };
  const recent = new Set<string>();
  const older: BlockName[] = [];
  for (const name of newestFirst) {
    if (isRecent(name)) recent.add(name.file);
    else older.push(name);
  }
  return { recent, older };
}
