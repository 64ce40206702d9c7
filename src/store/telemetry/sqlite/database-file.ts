/** The SQLite files of the blocks, as those who write them make and open them. */
import { renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { syncDirectory } from '../../../sync-directory.js';
import { PARTIAL_SUFFIX } from './block-files.js';
import { BUSY_TIMEOUT_MS } from './connection.js';

/** GenAI spans are some 2 KB: with pages of 16 KiB they need few overflow pages (1.5 times the rate of 4 KiB). */
export const PAGE_BYTES = 16_384;

export interface WritingOptions {
  cacheKib: number;
  /** Of the log: when it has grown so far its pages go into the file, and so much of it is kept. */
  logBytes: number;
}

/** Makes the file under another name first: it appears with all its tables, or not at all, and stays after a power cut. */
export function createDatabaseFile(file: string, createTables: (db: Database.Database) => void): void {
  const partial = `${file}${PARTIAL_SUFFIX}`;
  rmSync(partial, { force: true });
  const db = new Database(partial);
  try {
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('synchronous = FULL');
    createTables(db);
    // Last, so that no log beside the file has to be renamed with it.
    db.pragma('journal_mode = WAL');
  } finally {
    db.close();
  }
  renameSync(partial, file);
  syncDirectory(path.dirname(file));
}

export function openForWriting(file: string, { cacheKib, logBytes }: WritingOptions): Database.Database {
  const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma('journal_mode = WAL');
  // The buffer forgets a batch once it is committed, so a commit has to survive a power cut. It costs a tenth of the rate.
  db.pragma('synchronous = FULL');
  db.pragma(`cache_size = -${cacheKib}`);
  db.pragma(`wal_autocheckpoint = ${Math.floor(logBytes / PAGE_BYTES)}`);
  db.pragma(`journal_size_limit = ${logBytes}`);
  db.pragma('temp_store = MEMORY');
  db.pragma('foreign_keys = OFF');
  return db;
}
