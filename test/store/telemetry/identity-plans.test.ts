/** Lists of sessions and users look up what they show: who has millions of memberships is not gone through for each. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { openSqliteWriter } from '../../../src/store/telemetry/sqlite/writer.js';
import { generationSpan } from '../../helpers/generations.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';

it('a session and a user are found by an index each', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'identity-plans-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const limits = { blockMaxSpans: 1000, blockMaxBytes: 2 ** 30 };
  const writer = await openSqliteWriter({ engine: 'sqlite', directory, writer: 0, ...limits });
  const source = recordSource(6);
  const frames = [decodedFrame(1, { spans: [generationSpan(source, { sessionId: 's-1', userId: 'u-1' })] })];
  await writer.write({ bufferId: 'b'.repeat(32), range: { first: 1, last: 1 }, frames });
  await writer.close();

  const prepare = vi.spyOn(Database.prototype, 'prepare');
  const reader = new SqliteReader(directory);
  const query = { workspace: 'default', limit: 10 };
  expect([reader.listUsers(query).items.length, reader.listSessions(query).items.length]).toEqual([1, 1]);
  reader.close();
  const texts = prepare.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('FROM memberships m'));
  prepare.mockRestore();

  const block = new Database(path.join(directory, (await readdir(directory)).find((file) => file.endsWith('.db'))!));
  onTestFinished(() => void block.close());
  block.function('within_budget', () => 1);
  const plans = texts.map((sql) => block.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(1) as { detail: string }[]);
  expect(plans.length).toBe(4);
  for (const plan of plans)
    expect(plan[0]!.detail).toMatch(/^SEARCH m USING (?:COVERING INDEX memberships_by_user|PRIMARY KEY)/);
});
