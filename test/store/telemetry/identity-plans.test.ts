/** Lists of sessions and users look up what they show: who has millions of memberships is not gone through for each. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { generationSpan } from '../../helpers/generations.js';
import { recordSource } from '../../helpers/records.js';
import { Session } from './session.js';
import { openSqliteStore } from './sqlite-files.js';

it('a session and a user are found by an index each', async () => {
  const target = await openSqliteStore();
  const { directory } = target;
  const span = generationSpan(recordSource(6), { sessionId: 's-1', userId: 'u-1' });
  await new Session(target).writeOne({ spans: [span] });
  await target.reopen();

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
