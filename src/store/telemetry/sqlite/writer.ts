/**
 * The SQLite writer: it waits for the disk, so it lives in a worker thread. It fills one block after another; a block is closed
 * when it has its rows, its bytes or its day.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { FrameOutcome } from '../../../component.js';
import { GatewayError } from '../../../errors.js';
import type { DecodedFrame } from '../../../model/telemetry.js';
import type { RepriceResult, RepriceStep } from '../generations.js';
import { covers, includes } from '../ranges.js';
import type { TelemetryBatch, TelemetryWriter, TraceDeletion, WriteResult, WriterOptions } from '../telemetry.js';
import { type Admission, admit } from './admission.js';
import { blockName, listBlocks, removeTextsWithoutBlock } from './block-files.js';
import { BlockWriter, createBlockFile, type WriterContext } from './block-writer.js';
import { isDamaged, toWriteError, whileOpening } from './failures.js';
import { settleRaces } from './races.js';
import { type BlockEnds, RecentBlocks } from './recent-blocks.js';
import { removeReplaced } from './replaced-generations.js';
import { type PriceOf, Repricing } from './reprice.js';
import { giveElsewhere, type SplitTraceOptions, toldElsewhere } from './split-traces.js';
import { Successors } from './successors.js';
import { TextThread } from './text-writer.js';
import { TraceDeletions } from './trace-deletion.js';
import type { TraceGroup } from './trace-groups.js';
import { TraceIdentities } from './trace-identities.js';

export type SqliteWriterOptions = Extract<WriterOptions, { engine: 'sqlite' }>;

/** So that old data can be dropped by the file, however little comes in. */
const BLOCK_MAX_AGE_MS = 24 * 60 * 60 * 1000;

const NOTHING = { spans: 0, duplicateSpans: 0, logRecords: 0, metricPoints: 0 };

class SqliteWriter {
  private readonly recent: RecentBlocks;
  private block: BlockWriter | undefined;
  /** The block of the last batch. */
  private heeded: BlockWriter | undefined;
  private readonly traces = new TraceIdentities();
  private readonly textThread = new TextThread();
  private readonly context: WriterContext = {
    traces: this.traces,
    seenElsewhere: (workspace, hash) => this.recent.seenResponses(workspace, hash, this.block?.name.file),
    toldElsewhere: (trace) => toldElsewhere(this.recent, trace, this.block?.name.file),
    textThread: this.textThread,
  };
  /** Own blocks that failed to open: damaged. They are left as they are. */
  private readonly abandoned = new Set<string>();

  constructor(private readonly options: SqliteWriterOptions) {
    this.recent = new RecentBlocks(options.directory);
  }

  async write(batch: TelemetryBatch): Promise<WriteResult> {
    try {
      return await this.apply(batch);
    } catch (error) {
      const told = toWriteError(error);
      if (told instanceof GatewayError) await this.distrust(told.cause);
      else if (this.block?.hasTextsAhead) await this.release();
      throw told;
    }
  }

  forgetTraces(deletions: readonly TraceDeletion[]): void {
    for (const { workspace, traceId } of deletions) this.traces.forget(workspace, traceId);
  }

  /** Every block is looked into: a trace may have come in at any time. */
  deleteTraces(deletions: readonly TraceDeletion[]): void {
    if (deletions.length === 0) return;
    this.forgetTraces(deletions);
    const { directory } = this.options;
    const oldestFirst = () =>
      listBlocks(directory)
        .map(({ file }) => file)
        .reverse();
    const successors = new Successors(directory, deletions, this.inBlock);
    successors.count(oldestFirst());
    const traces = new TraceDeletions(deletions);
    for (const file of oldestFirst()) this.inBlock(file, () => traces.deleteFrom(directory, file));
    if (successors.areNeeded) successors.count(oldestFirst());
  }

  /** What is in a damaged block nobody reads. */
  private readonly inBlock = (file: string, change: () => void): void => {
    try {
      change();
    } catch (error) {
      if (!this.isLost(file, error)) throw toWriteError(error);
    }
  };

  reprice(step: RepriceStep, priceOf: PriceOf): RepriceResult {
    try {
      return new Repricing(this.options.directory, step, priceOf).run((file, error) => this.isLost(file, error));
    } catch (error) {
      throw toWriteError(error);
    }
  }

  private isLost(file: string, error: unknown): boolean {
    return isDamaged(error) || !existsSync(path.join(this.options.directory, file));
  }

  async close(): Promise<void> {
    await this.release();
    await this.textThread.end();
  }

  private async release(): Promise<void> {
    const { block } = this;
    this.block = undefined;
    this.recent.close();
    await block?.close();
  }

  /** A connection that met an I/O error opens its block again at the next batch; a damaged block gets no further rows. */
  private async distrust(error: unknown): Promise<void> {
    if (isDamaged(error) && this.block) this.abandoned.add(this.block.name.file);
    await this.release();
  }

  private async apply(batch: TelemetryBatch): Promise<WriteResult> {
    const { bufferId, range } = batch;
    const { block, applied } = await whileOpening(() => this.prepare(batch));
    const [old, fresh] = partition(batch.frames, ({ sequence }) => includes(applied, sequence));
    const told = this.toldBefore(batch, old);
    if (covers(applied, range)) return { ...NOTHING, outcomes: told };
    const admission = admit(fresh, this.recent);
    this.removeReplaced(admission, block);
    const split = { directory: this.options.directory, recent: this.recent, own: block, inBlock: this.inBlock };
    giveElsewhere(admission.groups, split);
    const ends = this.recent.endsOfOthers(this.options.writer);
    await block.write({ ...admission, bufferId, range });
    this.settleRaces(admission, ends, split);
    const outcomes = [...told, ...admission.outcomes].sort((a, b) => a.sequence - b.sequence);
    return { ...countRows(admission), outcomes };
  }

  private settleRaces(admission: Admission, ends: BlockEnds, split: SplitTraceOptions): void {
    this.recent.refresh(split.own);
    settleRaces(admission, this.recent.arrivalsSince(ends, this.options.writer), split);
  }

  /** A span that this block has in every version has none in another. */
  private removeReplaced({ groups }: Admission, own: BlockWriter): void {
    for (const group of groups) {
      if (group.revision === 0 || own.hasSpans(group)) continue;
      for (const file of this.recent.otherBlocks(group, own.name.file)) {
        if (this.removeReplacedFrom(file, group)) break;
      }
    }
  }

  private removeReplacedFrom(file: string, group: TraceGroup): boolean {
    try {
      return removeReplaced(this.options.directory, file, group);
    } catch (error) {
      if (this.isLost(file, error)) return false;
      throw error;
    }
  }

  /** Of frames that were applied before only whether they were written is known. */
  private toldBefore({ bufferId, range }: TelemetryBatch, frames: readonly DecodedFrame[]): FrameOutcome[] {
    const native = frames.filter((frame) => frame.native);
    if (native.length === 0) return [];
    const unwritten = this.recent.unwritten(bufferId, range);
    return native.map(({ sequence }) => {
      return { sequence, written: !unwritten.has(sequence), knownTraces: [], knownSpans: [] };
    });
  }

  private async prepare({ bufferId, range }: TelemetryBatch) {
    const block = await this.currentBlock();
    this.recent.refresh(block);
    if (this.heeded !== block || block.wasChanged()) this.traces.outdate();
    this.heeded = block;
    return { block, applied: this.recent.appliedRanges(bufferId, range) };
  }

  private async currentBlock(): Promise<BlockWriter> {
    if (this.block?.isGone) await this.release();
    this.block ??= this.reopenNewest();
    if (this.block && this.isFull(this.block)) await this.finish(this.block);
    this.block ??= this.create();
    return this.block;
  }

  private isFull(block: BlockWriter): boolean {
    const { blockMaxSpans, blockMaxBytes } = this.options;
    const rows = block.rowCount();
    const aged = rows > 0 && Date.now() - block.name.createdTimeUnixMs >= BLOCK_MAX_AGE_MS;
    return aged || rows >= blockMaxSpans || block.byteCount() >= blockMaxBytes;
  }

  private async finish(block: BlockWriter): Promise<void> {
    this.recent.detach(block);
    this.block = undefined;
    await block.finish(Date.now());
  }

  /** The block that the last run left, unless it is closed or can't be read. */
  private reopenNewest(): BlockWriter | undefined {
    const newest = this.ownNames()[0];
    if (!newest || this.abandoned.has(newest.file)) return undefined;
    try {
      return BlockWriter.open(this.options.directory, newest, this.context);
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.abandoned.add(newest.file);
      return undefined;
    }
  }

  /** The name is later than the last one's even if the clock was set back, so that names sort by creation. */
  private create(): BlockWriter {
    const { directory, writer } = this.options;
    mkdirSync(directory, { recursive: true });
    removeTextsWithoutBlock(directory);
    const last = this.ownNames()[0];
    const createdTimeUnixMs = Math.max(Date.now(), (last?.createdTimeUnixMs ?? 0) + 1);
    const name = blockName(createdTimeUnixMs, writer, (last?.number ?? 0) + 1);
    createBlockFile(directory, name);
    return BlockWriter.open(directory, name, this.context)!;
  }

  private ownNames() {
    return listBlocks(this.options.directory).filter(({ writer }) => writer === this.options.writer);
  }
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [passed: Item[], failed: Item[]] {
  const passed: Item[] = [];
  const failed: Item[] = [];
  for (const item of items) (test(item) ? passed : failed).push(item);
  return [passed, failed];
}

function countRows({ frames, groups, duplicateSpans }: Admission): Omit<WriteResult, 'outcomes'> {
  const sum = (count: (frame: DecodedFrame) => number) => frames.reduce((total, frame) => total + count(frame), 0);
  return {
    spans: groups.reduce((total, { spans }) => total + spans.length, 0),
    duplicateSpans,
    logRecords: sum(({ logRecords }) => logRecords.length),
    metricPoints: sum(({ metricPoints }) => metricPoints.length),
  };
}

let last: Promise<unknown> = Promise.resolve();

/**
 * A batch waits for its texts in the middle of its transaction. Nothing else of this thread may begin there, of whatever writer:
 * SQLite would hold the thread until that transaction ends, and so what ends it.
 */
function inTurn<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  const turn = last.then(work);
  last = turn.catch(() => {});
  return turn;
}

export async function openSqliteWriter(options: SqliteWriterOptions): Promise<TelemetryWriter> {
  const writer = new SqliteWriter(options);
  return {
    write: (batch) => inTurn(() => writer.write(batch)),
    deleteTraces: (deletions) => inTurn(() => writer.deleteTraces(deletions)),
    forgetTraces: (deletions) => inTurn(() => writer.forgetTraces(deletions)),
    reprice: (step, priceOf) => inTurn(() => writer.reprice(step, priceOf)),
    close: () => inTurn(() => writer.close()),
  };
}
