/**
 * The full text of one block, in a file of its own beside the block's: so that a thread of its own writes it. A block whose
 * generations and log events have no words has none. A text is committed before the row that it is of: what the file has
 * of rows that the block has not yet, or never got, finds nothing, and is taken out when the block is opened for writing.
 */
import { existsSync, statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { withSpaces } from '../unspaced-scripts.js';
import { createDatabaseFile, openForWriting, PAGE_BYTES } from './database-file.js';
import { isDamaged } from './failures.js';

/** Rowids are those of generations, and of log events of a span (as of native logs, negative). */
export interface Texts {
  ids: readonly number[];
  texts: readonly string[];
}

/** The greatest ids that the rows of a block have. */
export interface LastRows {
  span: number;
  log: number;
}

/** The texts are not kept, nor where in a text a word stands: an index of words alone takes a third of the room. */
const TABLE = `
CREATE VIRTUAL TABLE texts USING fts5 (
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
);
`;

/**
 * Words are gathered in memory up to here before they go into a segment of the index. A batch that fits makes one segment;
 * the default of 1 MiB makes dozens, all of which are merged again and again.
 */
const GATHERED_BYTES = 32 * 2 ** 20;
/** As many bytes in a leaf of the index as a page of the file takes. */
const LEAF_BYTES = 16_000;

/**
 * Segments of a level that are merged into one: each merge writes all their words again. With 8 a text costs a tenth less than
 * with the default of 4, and a search looks into twice as many segments, some two dozen in a full block.
 */
const MERGED_SEGMENTS = 8;

/** A batch writes leaves one after another; what merges read again is in the page cache of the system. */
const CACHE_KIB = 8 * 1024;
const LOG_BYTES = 32 * 2 ** 20;

function createTable(db: Database.Database): void {
  db.exec(TABLE);
  // FTS5 keeps them in the file. A number of JavaScript would be bound as a float, which it refuses.
  const set = db.prepare('INSERT INTO texts (texts, rank) VALUES (?, ?)');
  set.run('hashsize', BigInt(GATHERED_BYTES));
  set.run('pgsz', BigInt(LEAF_BYTES));
  set.run('automerge', BigInt(MERGED_SEGMENTS));
}

/** Every change is of a transaction, which the first one begins. */
export class TextFile {
  private readonly insert;
  private readonly delete;
  private readonly pageCount;

  private constructor(readonly db: Database.Database) {
    this.insert = db.prepare('INSERT INTO texts (rowid, text) VALUES (?, ?)');
    this.delete = db.prepare('DELETE FROM texts WHERE rowid = ?');
    this.pageCount = db.prepare('PRAGMA page_count').pluck();
  }

  /** Made when it is not there. */
  static open(file: string): TextFile {
    if (!existsSync(file)) createDatabaseFile(file, createTable);
    const db = openForWriting(file, { cacheKib: CACHE_KIB, logBytes: LOG_BYTES });
    try {
      return new TextFile(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** In the order of their ids: one below the one before makes FTS5 write what it has gathered. */
  add({ ids, texts }: Texts): void {
    this.begin();
    for (const [at, id] of ids.entries()) this.insert.run(BigInt(id), withSpaces(texts[at]!));
  }

  remove(ids: readonly number[]): void {
    this.begin();
    for (const id of ids) this.delete.run(BigInt(id));
  }

  /** What is of no row of the block: a writer that was cut off before it committed the rows. */
  removeAhead({ span, log }: LastRows): void {
    const ahead = this.db.prepare('SELECT rowid FROM texts WHERE rowid > ? OR rowid < ?').pluck();
    this.remove(ahead.all(span, -log) as number[]);
    this.commit();
  }

  commit(): void {
    if (this.db.inTransaction) this.db.exec('COMMIT');
  }

  /** Some failures (a full disk, an I/O error) have rolled back by themselves. */
  rollback(): void {
    if (this.db.inTransaction) this.db.exec('ROLLBACK');
  }

  byteCount(): number {
    return (this.pageCount.get() as number) * PAGE_BYTES;
  }

  /** When nothing will be added: all of it goes into the file. */
  emptyLog(): void {
    this.db.pragma('wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    this.db.close();
  }

  private begin(): void {
    if (!this.db.inTransaction) this.db.exec('BEGIN IMMEDIATE');
  }
}

/** Does something with the text file, if there is one. */
export function inTextFile(file: string, work: (texts: TextFile) => void): void {
  if (!existsSync(file)) return;
  const texts = TextFile.open(file);
  try {
    work(texts);
  } finally {
    texts.close();
  }
}

/** As `inTextFile`; by what is damaged nobody finds anything. */
export function inSoundTextFile(file: string, work: (texts: TextFile) => void): void {
  try {
    inTextFile(file, work);
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
}

export function textBytes(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
