import { readdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../../workers/pool.js';
import { type ContentCounts, contentContract } from './contents-contract.js';
import { makeSqliteStore } from './sqlite-files.js';

const pool = createPool({ entry: 'sqlite-reader', threads: 2, maxQueue: 100, closeOperation: 'close' });
beforeAll(() => pool.start());
afterAll(() => pool.shutdown({ deadlineMs: 5000 }));

function countIn(file: string): ContentCounts {
  const db = new Database(file, { readonly: true });
  const counts = db
    .prepare(
      `SELECT count(*) AS contents, coalesce(sum(length(text)), 0) AS chars,
        (SELECT count(*) FROM content_places) AS places FROM contents`,
    )
    .get() as ContentCounts;
  db.close();
  return counts;
}

contentContract('SQLite', async (options) => {
  const target = await makeSqliteStore(pool, options);
  const countContents = async () => {
    const files = readdirSync(target.directory).filter((file) => file.endsWith('.db'));
    const total: ContentCounts = { contents: 0, chars: 0, places: 0 };
    for (const counts of files.map((file) => countIn(path.join(target.directory, file)))) {
      total.contents += counts.contents;
      total.chars += counts.chars;
      total.places += counts.places;
    }
    return total;
  };
  return Object.defineProperties({ countContents }, Object.getOwnPropertyDescriptors(target)) as never;
});
