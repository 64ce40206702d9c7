/** The blocks of a directory as a reader sees them: what each spans, and a bounded number of open connections. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { BlockListing, type BlockName } from './block-files.js';
import { type BlockInfo, BlockReader, CACHE_KIB, UnsupportedBlock } from './block-reader.js';
import type { Budget } from './budget.js';
import { isDamaged } from './failures.js';

/** A batch of 5,000 spans and its indexes: without it a scan by time reads each page several times. */
const SCAN_CACHE_KIB = 2048;
const MAX_SCANNED = 4;

/** Opening one takes half a millisecond; keeping it takes some 300 KiB in each reading thread. */
const MAX_CONNECTIONS = 48;

export interface Block extends BlockInfo {
  file: string;
}

export interface UnreadableBlock {
  file: string;
  reason: string;
}

export class Catalog {
  /** Least recently used first. */
  private readonly connections = new Map<string, BlockReader>();
  /** Of closed blocks: they change no more. */
  private readonly settled = new Map<string, Block>();
  private readonly unreadable = new Map<string, string>();
  /** Connections with a larger cache, oldest first. */
  private readonly scanned = new Set<BlockReader>();
  /** Blocks that a read is going on in, which may itself read others. */
  private readonly busy: string[] = [];
  private readonly listing: BlockListing;
  private listed: readonly BlockName[] = [];
  private held: readonly Block[] | undefined;

  constructor(
    private readonly directory: string,
    private readonly budget: Budget,
  ) {
    this.listing = new BlockListing(directory);
  }

  /** Newest first, without those that can't be read. */
  blocks(): readonly Block[] {
    return this.held ?? this.lookAtBlocks();
  }

  /** For several short reads at a time: the blocks are looked at once, and taken for the same all along. */
  hold<Result>(reads: () => Result): Result {
    this.held = this.lookAtBlocks();
    try {
      return reads();
    } finally {
      this.held = undefined;
    }
  }

  private lookAtBlocks(): Block[] {
    const names = this.listing.list();
    if (names !== this.listed) this.forgetMissing(new Set(names.map(({ file }) => file)));
    this.listed = names;
    return names.map(({ file }) => this.block(file)).filter((block) => block !== undefined);
  }

  unreadableBlocks(): UnreadableBlock[] {
    const blocks = [...this.unreadable].map(([file, reason]) => ({ file, reason }));
    const texts = [...this.connections.values()].map(({ damage }) => damage);
    return [...blocks, ...texts.filter((damage) => damage !== undefined)];
  }

  /** Runs `read` over the block's connection; undefined when the block is damaged, or gone. */
  read<Result>(file: string, read: (block: BlockReader) => Result): Result | undefined {
    if (this.unreadable.has(file)) return undefined;
    this.busy.push(file);
    try {
      return read(this.connection(file));
    } catch (error) {
      if (!this.leaveOut(file, error)) throw error;
      return undefined;
    } finally {
      this.busy.pop();
    }
  }

  /** As `read`, with a larger cache, which the few blocks that were scanned last keep. */
  scan<Result>(file: string, read: (block: BlockReader) => Result): Result | undefined {
    return this.read(file, (block) => {
      if (!this.scanned.has(block)) this.enlarge(block);
      return read(block);
    });
  }

  private enlarge(block: BlockReader): void {
    const [oldest] = this.scanned.size >= MAX_SCANNED ? this.scanned : [];
    if (oldest) {
      oldest.setCache(CACHE_KIB);
      this.scanned.delete(oldest);
    }
    block.setCache(SCAN_CACHE_KIB);
    this.scanned.add(block);
  }

  close(): void {
    for (const connection of this.connections.values()) connection.close();
    this.connections.clear();
    this.scanned.clear();
  }

  private block(file: string): Block | undefined {
    const known = this.settled.get(file);
    if (known) return known;
    const info = this.read(file, (reader) => reader.info());
    if (!info) return undefined;
    const block = { file, ...info };
    if (info.closed) this.settled.set(file, block);
    return block;
  }

  private connection(file: string): BlockReader {
    const open = this.connections.get(file) ?? new BlockReader(this.directory, file, this.budget);
    this.connections.delete(file);
    this.connections.set(file, open);
    if (this.connections.size > MAX_CONNECTIONS) this.disconnect(this.leastRecentlyUsed());
    return open;
  }

  private leastRecentlyUsed(): string {
    return [...this.connections.keys()].find((file) => !this.busy.includes(file))!;
  }

  private disconnect(file: string): void {
    const connection = this.connections.get(file);
    if (!connection) return;
    this.scanned.delete(connection);
    this.connections.delete(file);
    connection.close();
  }

  /** Damaged blocks are reported and left out, so that one bad file does not fail every read; so are those just deleted. */
  private leaveOut(file: string, error: unknown): boolean {
    const gone = !existsSync(path.join(this.directory, file));
    if (!gone && !isDamaged(error) && !(error instanceof UnsupportedBlock)) return false;
    this.disconnect(file);
    if (!gone) this.unreadable.set(file, (error as Error).message);
    return true;
  }

  private forgetMissing(files: ReadonlySet<string>): void {
    for (const file of [...this.connections.keys()]) if (!files.has(file)) this.disconnect(file);
    for (const file of [...this.settled.keys()]) if (!files.has(file)) this.settled.delete(file);
    for (const file of [...this.unreadable.keys()]) if (!files.has(file)) this.unreadable.delete(file);
  }
}
