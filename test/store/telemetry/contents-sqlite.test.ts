import { readdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { CONTENT_MARK } from '../../../src/model/content.js';
import type { GenerationReader } from '../../../src/store/telemetry/generations.js';
import { RollupTable } from '../../../src/store/telemetry/sqlite/rollup-table.js';
import { generationSpan } from '../../helpers/generations.js';
import { recordSource } from '../../helpers/records.js';
import { type ContentCounts, contentContract } from './contracts/contents.js';
import { Session } from './session.js';
import { makeSqliteStore, readerThreads } from './sqlite-files.js';
import { TEXTS_OF_VERSION_7 } from './sqlite-version-7.js';

const pool = readerThreads(2);

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

test('a block of the version before is not read, takes rows, or stops a deletion', async () => {
  const target = await makeSqliteStore(pool);
  onTestFinished(() => target.dispose());
  const session = new Session(target);
  const source = recordSource(1);
  const attributes = JSON.stringify({ text: `${CONTENT_MARK}${'0'.repeat(16)} 32768 characters]` });
  const [old, other] = [generationSpan(source, {}, { attributes }), generationSpan(source, {}, { attributes })];
  await session.writeOne({ spans: [old, other], logRecords: [source.logRecord({ attributes })] });
  await target.reopen();
  const [file] = readdirSync(target.directory).filter((name) => name.endsWith('.db'));
  const db = new Database(path.join(target.directory, file!));
  const requestsOf = async () => {
    const range = { workspace: 'default', fromUnixMs: 0, toUnixMs: 2e12, grain: 'day', series: false } as const;
    const rows = await (target.store as unknown as GenerationReader).readUsage({ ...range, groupBy: [], filters: {} });
    return rows[0]!.requests;
  };
  new RollupTable(db).fold();
  db.exec('DROP TABLE contents; DROP TABLE content_places; DROP TABLE rollup_changes');
  db.exec(TEXTS_OF_VERSION_7);
  db.exec('UPDATE block SET schema_version = 3');
  db.close();
  expect(await requestsOf()).toBe(2);
  expect((await session.spansOf(old.traceId)).map((span) => span.attributes)).toEqual([attributes]);
  expect((await target.store.listLogs({ workspace: 'default', limit: 10 })).items[0]!.attributes).toBe(attributes);
  await session.writeOne({ spans: [source.span()] });
  expect(readdirSync(target.directory).filter((name) => name.endsWith('.db'))).toHaveLength(2);
  const deletion = { workspace: 'default', traceId: old.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
  await (await target.writer()).deleteTraces([deletion]);
  expect(await session.spansOf(old.traceId)).toEqual([]);
  expect(await requestsOf()).toBe(1);
  expect((await target.store.getSpan('default', other.traceId, other.spanId))!.attributes).toBe(attributes);
});
