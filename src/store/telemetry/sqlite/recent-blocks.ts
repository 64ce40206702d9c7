/**
 * What a writer looks up before it writes: which frames of the buffer are applied already, in any block, and which spans
 * the newest two blocks of every writer hold. Blocks of other writers are read over connections of its own.
 */
import type { SequenceRange } from '../../../component.js';
import { mergeRanges } from '../ranges.js';
import { type BlockName, listBlocks } from './block-files.js';
import type { BlockWriter } from './block-writer.js';
import { openReadOnly } from './connection.js';
import { isDamaged } from './failures.js';
import { RecentBlock } from './recent-block.js';
import type { TraceGroup } from './trace-groups.js';

/** A client's resend is recognised while its first copy is in the newest two blocks of any writer. */
const BLOCKS_PER_WRITER = 2;
const READ_CACHE_KIB = 2048;

/** What older blocks hold of one buffer. A writer fills its newest block only, so these change no more. */
interface SettledRanges {
  bufferId: string;
  files: Set<string>;
  ranges: SequenceRange[];
}

export class RecentBlocks {
  private readonly blocks = new Map<string, RecentBlock>();
  /** Damaged: what they hold can't be compared with any more. The readers report them. */
  private readonly unusable = new Set<string>();
  private older: BlockName[] = [];
  private settled: SettledRanges = { bufferId: '', files: new Set(), ranges: [] };

  constructor(private readonly directory: string) {}

  /** Looks at the directory and at what was committed since; call before each batch. */
  refresh(own: BlockWriter | undefined): void {
    const { recent, older } = splitByAge(listBlocks(this.directory));
    this.older = older;
    for (const file of this.blocks.keys()) if (!recent.has(file)) this.drop(file);
    for (const file of recent) this.guard(file, () => this.track(file, own).refresh());
  }

  /** What of `range` any block holds, whoever wrote it: after a crash the buffer may hand a range to another writer. */
  appliedRanges(bufferId: string, range: SequenceRange): SequenceRange[] {
    if (this.settled.bufferId !== bufferId) this.settled = { bufferId, files: new Set(), ranges: [] };
    for (const { file } of this.older) this.guard(file, () => this.settle(file));
    const ranges = [...this.settled.ranges];
    for (const [file, block] of this.blocks)
      this.guard(file, () => ranges.push(...block.appliedRanges(bufferId, range)));
    return mergeRanges(ranges);
  }

  /** Runs of 8-byte span ids that the recent blocks hold of the group's trace. */
  spanIds(group: TraceGroup): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const [file, block] of this.blocks) this.guard(file, () => found.push(...block.spanIds(group)));
    return found;
  }

  /** Call before the writer's own block is closed: it is looked into over a connection of its own from here on. */
  detach({ name: { file } }: BlockWriter): void {
    this.guard(file, () =>
      this.blocks.get(file)?.move(openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB })),
    );
  }

  close(): void {
    for (const file of [...this.blocks.keys()]) this.drop(file);
  }

  private track(file: string, own: BlockWriter | undefined): RecentBlock {
    const tracked = this.blocks.get(file);
    if (tracked) return tracked;
    const isOwn = own?.name.file === file;
    const db = isOwn ? own.connection : openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB });
    const block = new RecentBlock(db, !isOwn);
    this.blocks.set(file, block);
    return block;
  }

  private settle(file: string): void {
    const { bufferId, files } = this.settled;
    if (files.has(file)) return;
    const db = openReadOnly(this.directory, file, { cacheKib: READ_CACHE_KIB });
    try {
      const ranges = new RecentBlock(db, false).appliedRanges(bufferId);
      this.settled.ranges = mergeRanges([...this.settled.ranges, ...ranges]);
      files.add(file);
    } finally {
      db.close();
    }
  }

  private drop(file: string): void {
    this.blocks.get(file)?.close();
    this.blocks.delete(file);
  }

  private guard(file: string, look: () => unknown): void {
    if (this.unusable.has(file)) return;
    try {
      look();
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.unusable.add(file);
    }
  }
}

function splitByAge(newestFirst: readonly BlockName[]): { recent: Set<string>; older: BlockName[] } {
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
