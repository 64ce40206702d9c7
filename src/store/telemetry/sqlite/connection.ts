import path from 'node:path';
import Database from 'better-sqlite3';

/** How long a call waits for a lock: another connection recovers or resets the log, which takes milliseconds. */
export const BUSY_TIMEOUT_MS = 5000;

export interface ReadOnlyOptions {
  /** Pages that this connection keeps; the page cache of the system stands behind it. */
  cacheKib: number;
}

/** Also recovers the log that a killed writer left: SQLite does so over the shared memory, not in the file. */
export function openReadOnly(directory: string, file: string, { cacheKib }: ReadOnlyOptions): Database.Database {
  const options = { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS };
  const db = new Database(path.join(directory, file), options);
  db.pragma(`cache_size = -${cacheKib}`);
  db.pragma('temp_store = MEMORY');
  return db;
}
