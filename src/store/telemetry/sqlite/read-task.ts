/** The reading thread's side: runs the operations of the store over one reader for each directory. */
import { failureOf } from './failures.js';
import type { ReadAnswer, ReadOperation, ReadTask } from './messages.js';
import { SqliteReader } from './reader.js';

const readers = new Map<string, SqliteReader>();

function readerOf({ directory, pageBudgetMs }: ReadTask): SqliteReader {
  const options = pageBudgetMs === undefined ? {} : { pageBudgetMs };
  const reader = readers.get(directory) ?? new SqliteReader(directory, options);
  readers.set(directory, reader);
  return reader;
}

export function runReadTask(operation: ReadOperation, task: ReadTask): ReadAnswer {
  const reader = readerOf(task);
  try {
    const value: unknown = reader[operation](task.query as never);
    return { value, unreadable: reader.unreadableBlocks() };
  } catch (error) {
    return { failure: failureOf(error), unreadable: reader.unreadableBlocks() };
  }
}

export function closeReaders(): void {
  for (const reader of readers.values()) reader.close();
  readers.clear();
}
