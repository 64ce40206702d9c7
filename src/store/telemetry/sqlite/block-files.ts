/**
 * The names of block files. A block is one SQLite file of one writer and one slice of time; its name sorts by creation:
 * `<created, milliseconds since the epoch>-<writer>-<number of the writer's block>.db`. Beside it, under the same name with
 * another ending, is the file of its full text.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

export interface BlockName {
  file: string;
  createdTimeUnixMs: number;
  writer: number;
  number: number;
}

const PATTERN = /^(\d{13})-(\d{2,})-(\d{6,})\.db$/;
/** Of a block that is being created: renamed once its tables are there, so that no reader meets a half-made one. */
export const PARTIAL_SUFFIX = '.partial';

const BLOCK_SUFFIX = '.db';
const TEXT_SUFFIX = '.texts';

export function textFileOf(blockFile: string): string {
  return blockFile.slice(0, -BLOCK_SUFFIX.length) + TEXT_SUFFIX;
}

function blockFileOf(textFile: string): string {
  return textFile.slice(0, -TEXT_SUFFIX.length) + BLOCK_SUFFIX;
}

export function blockName(createdTimeUnixMs: number, writer: number, number: number): BlockName {
  const [time, by, count] = [`${createdTimeUnixMs}`.padStart(13, '0'), `${writer}`.padStart(2, '0'), `${number}`];
  return { file: `${time}-${by}-${count.padStart(6, '0')}.db`, createdTimeUnixMs, writer, number };
}

export function parseBlockName(file: string): BlockName | undefined {
  const match = PATTERN.exec(file);
  if (!match) return undefined;
  return { file, createdTimeUnixMs: Number(match[1]), writer: Number(match[2]), number: Number(match[3]) };
}

/** Newest first; empty when there is no such directory. */
export function listBlocks(directory: string): BlockName[] {
  return readNames(directory)
    .map(parseBlockName)
    .filter((name) => name !== undefined)
    .sort((a, b) => (a.file < b.file ? 1 : -1));
}

/** A file system's clock ticks every few milliseconds: two changes within one tick leave one time. */
const SETTLED_MS = 2000;

/** Reads a directory only when it has changed: with thousands of blocks that takes as long as a small batch. */
export class BlockListing {
  private names: readonly BlockName[] = [];
  private changedMs: number | undefined;

  constructor(private readonly directory: string) {}

  /** As `listBlocks`; the same array as long as nothing changed. */
  list(): readonly BlockName[] {
    const changedMs = statSync(this.directory, { throwIfNoEntry: false })?.mtimeMs;
    if (changedMs !== undefined && changedMs === this.changedMs) return this.names;
    this.names = listBlocks(this.directory);
    this.changedMs = changedMs !== undefined && Date.now() - changedMs > SETTLED_MS ? changedMs : undefined;
    return this.names;
  }
}

/** The remains of blocks that a writer was killed over: file names, logs and all. */
export function listPartials(directory: string, writer: number): string[] {
  const ofWriter = (file: string) => parseFileName(file.slice(0, file.indexOf(PARTIAL_SUFFIX)))?.writer === writer;
  return readNames(directory).filter((file) => file.includes(PARTIAL_SUFFIX) && ofWriter(file));
}

/** Of a block's file or of its text file. */
function parseFileName(file: string): BlockName | undefined {
  return parseBlockName(file.endsWith(TEXT_SUFFIX) ? blockFileOf(file) : file);
}

/** Full text goes with its block: somebody who drops old data may have left it. */
export function removeTextsWithoutBlock(directory: string): void {
  for (const file of readNames(directory)) {
    if (!file.endsWith(TEXT_SUFFIX) || !parseFileName(file)) continue;
    if (existsSync(path.join(directory, blockFileOf(file)))) continue;
    for (const suffix of ['', '-wal', '-shm']) rmSync(path.join(directory, file + suffix), { force: true });
  }
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
