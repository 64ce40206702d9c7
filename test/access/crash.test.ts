import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, revokeKey } from '../../src/access/keys.js';
import type { AuditLog } from '../../src/store/control/audit-logs.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { processFile } from '../helpers/process-file.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase, workspaceIds } from '../store/control/dialects.js';
import { openKeyring, person } from './fixture.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const MASTER = person({ master: true });
const ENTRY = processFile('test/access/process.ts');

function processSuite({ makePlace }: DialectCase): void {
  let place: Place;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    place = await makePlace();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    await place.remove();
  });

  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  const start = (...task: string[]) => {
    const [name, ...more] = task;
    const args = [ENTRY, name!, JSON.stringify(place.config), ...more];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  };

  /** What a process has told before it was killed: the last line may be cut, and is left out. */
  const killAfter = async (changes: number): Promise<string[]> => {
    const { child, lines } = start('mutate');
    const told: string[] = [];
    while (told.length < changes) {
      const { value, done } = await lines.next();
      if (done) throw new Error('It ended by itself');
      told.push(value);
    }
    await kill(child);
    return told;
  };

  /** What the tables say has happened, without the audit log. */
  const happened = async (store: ControlStore, rows: readonly AuditLog[]): Promise<string[]> => {
    const last = Math.max(...rows.map(({ targetId }) => Number(targetId) || 0));
    // Some more: a key without a row would be among the last.
    const keys = await store.apiKeys.findByIds(Array.from({ length: last + 100 }, (_, at) => at + 1));
    const replacements = new Set(keys.map(({ replacedBy }) => replacedBy));
    return keys.flatMap(({ id, revokedAt, replacedBy }) => [
      `${replacements.has(id) ? 'api_key:rotate' : 'api_key:create'} ${id}`,
      ...(revokedAt === undefined ? [] : [`revoked ${id}`]),
      ...(replacedBy === undefined ? [] : [`replaced ${id}`]),
    ]);
  };

  /** The same, as the audit log tells it. */
  const recorded = (rows: readonly AuditLog[]): string[] =>
    rows.flatMap(({ action, targetId, details }) => {
      if (action === 'api_key:create') return [`${action} ${targetId}`];
      if (action === 'api_key:rotate') return [`${action} ${targetId}`, `replaced ${details.replaces}`];
      if (action === 'api_key:revoke') return [`revoked ${targetId}`];
      // What was rotated first and revoked before is not among those that a deletion revokes.
      if (action === 'workspace:delete') return (details.revoked_api_keys as number[]).map((id) => `revoked ${id}`);
      return [];
    });

  it('a process that is killed while it changes keys leaves each change with its row, or neither', {
    timeout: 240_000,
  }, async () => {
    const told: string[] = [];
    for (const changes of [5, 9, 14, 16, 22, 35]) told.push(...(await killAfter(changes)));
    const store = await place.open();
    await store.start();
    const rows: AuditLog[] = [];
    for (const workspace of await chainsOf(store, told)) {
      expect(await store.auditLogs.verify(workspace)).toMatchObject({ ok: true });
      for await (const page of store.auditLogs.stream({ workspace })) rows.push(...page);
    }
    const written = new Set(rows.map(({ action, targetId }) => `${action} ${targetId}`));
    expect(told.filter((change) => !written.has(change))).toEqual([]);
    expect((await happened(store, rows)).sort()).toEqual(recorded(rows).sort());
    const made = rows.filter(({ action }) => action === 'workspace:create').map(({ targetId }) => targetId!);
    const deleted = new Set(rows.filter(({ action }) => action === 'workspace:delete').map(({ targetId }) => targetId));
    const standing = (await workspaceIds(store)).filter((id) => id !== 'default');
    expect(standing).toEqual(made.filter((id) => !deleted.has(id)).sort());
  });

  it('a key that one process revokes is refused by another that has it in memory', async () => {
    const store = await place.open();
    await store.start();
    const { keyring } = await openKeyring(store);
    const { key, id } = await createKey(keyring.store, MASTER, { name: 'watched' }, {});
    const { lines } = start('watch', key);
    expect((await lines.next()).value).toBe('good');
    await revokeKey(keyring.store, MASTER, id, {});
    expect((await lines.next()).value).toBe('refused');
    await keyring.shutdown({ deadlineMs: 5_000 });
  });
}

/** All that have a chain: those that were told, those that stand, and those that a killed process was about to tell. */
async function chainsOf(store: ControlStore, told: readonly string[]): Promise<string[]> {
  const names = told.filter((change) => change.startsWith('workspace:')).map((change) => change.split(' ')[1]!);
  const standing = await workspaceIds(store);
  // Each process goes through its workspaces one after another: at most the next one was begun and not told.
  const next = names.map((name) => name.replace(/\d+$/, (round) => String(Number(round) + 1)));
  return [...new Set(['default', ...names, ...next, ...standing])];
}

describe('processes on SQLite', () => processSuite(sqliteCase));
describe.skipIf(!server)('processes on Postgres', () => processSuite(postgresCase(server)));
