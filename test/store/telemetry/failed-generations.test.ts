/** Generations that failed are found by an index of their own, in blocks that have it. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { generationSpan } from '../../helpers/generations.js';
import { recordSource } from '../../helpers/records.js';
import { Session } from './session.js';
import { openSqliteStore } from './sqlite-files.js';

async function filledBlock(): Promise<{ directory: string; block: Database.Database }> {
  const target = await openSqliteStore();
  const source = recordSource(7);
  const spans = Array.from({ length: 40 }, (_, at) => generationSpan(source, { isError: at % 10 === 0 }));
  await new Session(target).writeOne({ spans });
  await target.reopen();
  const { directory } = target;
  const file = (await readdir(directory)).find((name) => name.endsWith('.db'))!;
  const block = new Database(path.join(directory, file));
  onTestFinished(() => void block.close());
  return { directory, block };
}

function failedIn(directory: string) {
  const reader = new SqliteReader(directory);
  const first = reader.listGenerations({ workspace: 'default', limit: 3, isError: true });
  const rest = reader.listGenerations({ workspace: 'default', limit: 3, isError: true, after: first.next! });
  reader.close();
  return { found: [first.items.length, rest.items.length], total: first.total };
}

it('those that failed are looked for among all that there are, or sorted for each page', async () => {
  const { directory, block } = await filledBlock();
  const prepare = vi.spyOn(Database.prototype, 'prepare');
  expect(failedIn(directory)).toEqual({ found: [3, 1], total: 4 });
  const texts = prepare.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('FROM generations x INDEXED BY'));
  prepare.mockRestore();
  expect(texts.length).toBeGreaterThan(2);
  block.function('within_budget', () => 1);
  for (const sql of texts) {
    const plan = block.prepare(`EXPLAIN QUERY PLAN ${sql}`).all({
      ...{ workspace: 1, isError: 1, rows: 1, afterTime: 1, afterId: 1, endTime: 1, endId: 1 },
    }) as { detail: string }[];
    const steps = plan.map(({ detail }) => detail);
    expect(steps).toContainEqual(expect.stringMatching(/^SEARCH x USING .*INDEX generations_failed \(workspace_id=\?/));
    expect(steps).not.toContain('USE TEMP B-TREE FOR ORDER BY');
  }
});

it('a block from before there was such an index is not read', async () => {
  const { directory, block } = await filledBlock();
  block.exec('DROP INDEX generations_failed; UPDATE block SET schema_version = 8');
  expect(failedIn(directory)).toEqual({ found: [3, 1], total: 4 });
});
