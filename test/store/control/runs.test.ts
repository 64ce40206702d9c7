import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NewRun, RUN_SORTS, type RunQuery, type RunSort } from '../../../src/store/control/runs.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const NOW = 1_800_000_000_000;
const NEWEST: RunSort = { field: 'created_at', descending: true };
const TRACE = { text: 'AB'.repeat(16), hex: 'ab'.repeat(16) };

let made = 0;
function idOf(number: number) {
  const hex = number.toString(16).padStart(32, '0');
  return { text: `{${hex.toUpperCase()}}`, hex };
}

function newRun(run: Partial<NewRun> = {}): NewRun {
  const defaults = { workspace: 'default', runId: idOf(++made), workflowName: 'flow', status: 'running' as const };
  return { ...defaults, input: undefined, output: undefined, traceId: undefined, metadata: '{}', ...run };
}

function runsSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  const make = (run: Partial<NewRun> = {}, createdTimeUnixMs = NOW) =>
    store.runs.create(newRun(run), createdTimeUnixMs);

  const walk = async (query: Omit<RunQuery, 'limit' | 'workspace'>, limit: number) => {
    const ids: string[] = [];
    let page = await store.runs.list({ workspace: 'default', ...query, limit });
    for (;;) {
      ids.push(...page.items.map(({ runId }) => runId.hex));
      if (!page.next) return ids;
      page = await store.runs.list({ workspace: 'default', ...query, limit, after: page.next });
    }
  };

  it('the runs of a day are not those of the day beside it, of another workspace, or of another range', async () => {
    const day = 86_400_000;
    const first = Math.floor(NOW / day) * day;
    await make({ status: 'failed' }, first);
    await make({ status: 'completed' }, first + day - 1);
    await make({ status: 'failed' }, first + 2 * day);
    await make({ status: 'failed' }, first + 3 * day);
    await make({ workspace: 'other' }, first);
    const counted = await store.runs.countByDay({
      workspace: 'default',
      fromUnixMs: first,
      toUnixMs: first + 3 * day,
    });
    expect(counted).toEqual([
      { dayUnixMs: first, runs: 2, failed: 1 },
      { dayUnixMs: first + 2 * day, runs: 1, failed: 1 },
    ]);
  });

  it('a run comes back as it was made: ids as they were written, JSON to the last digit', async () => {
    const json =
      '{"b": 1.0, "a":-0, "big":123456789012345678901234567890,"nul":"\\u0000","half":"\\ud800","é":"\u2028"}';
    const run = await make({ input: json, output: '{}', metadata: json, traceId: TRACE, workflowName: 'a\u2028b\nc' });
    expect(run).toMatchObject({ input: json, output: '{}', metadata: json, traceId: TRACE, createdTimeUnixMs: NOW });
    expect(await store.runs.get('default', run.runId.hex)).toEqual(run);
    expect(await store.runs.get('acme', run.runId.hex)).toBeUndefined();
  });

  it('an id is unique in its workspace, however it is written, and free in another', async () => {
    const { runId } = await make();
    const again = make({ runId: { ...runId, text: runId.hex } });
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT', message: 'Run already exists' });
    await make({ runId, workspace: 'acme' });
    expect((await store.runs.count({ workspace: 'default' })).total).toBe(1);
  });

  it('a change replaces what it names, and leaves what it does not', async () => {
    const { runId } = await make({ input: '{"a":1}', metadata: '{"b":2}' });
    const changed = await store.runs.update('default', runId.hex, { status: 'failed', output: '{"c":3}' }, NOW + 5);
    const expected = { status: 'failed', input: '{"a":1}', output: '{"c":3}', metadata: '{"b":2}' };
    expect(changed).toMatchObject({ ...expected, createdTimeUnixMs: NOW, updatedTimeUnixMs: NOW + 5 });
    expect(await store.runs.get('default', runId.hex)).toEqual(changed);
    expect(await store.runs.update('acme', runId.hex, { status: 'failed' }, NOW)).toBeUndefined();
  });

  it('a run is deleted once, and not from another workspace', async () => {
    const run = await make();
    expect(await store.runs.delete('acme', run.runId.hex)).toBeUndefined();
    expect(await store.runs.delete('default', run.runId.hex)).toEqual(run);
    expect(await store.runs.delete('default', run.runId.hex)).toBeUndefined();
  });

  it('runs outlive their trace, and those of other traces and workspaces keep theirs', async () => {
    const attached = [await make({ traceId: TRACE }), await make({ traceId: TRACE })];
    const others = [await make({ traceId: idOf(7) }), await make({ traceId: TRACE, workspace: 'acme' })];
    expect(await store.runs.detachTrace('default', TRACE.hex)).toBe(2);
    for (const { runId } of attached) {
      expect((await store.runs.get('default', runId.hex))?.traceId).toBeUndefined();
    }
    for (const { workspace, runId, traceId } of others) {
      expect((await store.runs.get(workspace, runId.hex))?.traceId).toEqual(traceId);
    }
  });

  it('is listed and counted by each filter, and by all of them', async () => {
    const wanted = await make({ status: 'failed', workflowName: 'x', traceId: TRACE }, NOW + 10);
    await make({ status: 'failed', workflowName: 'x', traceId: TRACE }, NOW + 20);
    await make({ status: 'failed', workflowName: 'y' }, NOW + 10);
    await make({ workflowName: 'x' }, NOW);
    await make({ workspace: 'acme', status: 'failed' }, NOW + 10);
    const counts = [
      [{}, 4],
      [{ status: 'failed' as const }, 3],
      [{ workflowName: 'x' }, 3],
      [{ traceIdHex: TRACE.hex }, 2],
      [{ fromUnixMs: NOW + 10 }, 3],
      [{ toUnixMs: NOW + 10 }, 1],
    ] as const;
    for (const [filters, total] of counts) {
      expect(await store.runs.count({ workspace: 'default', ...filters })).toEqual({ total, totalRelation: 'eq' });
      expect((await walk({ ...filters, sort: NEWEST }, 2)).length).toBe(total);
    }
    const all = {
      status: 'failed',
      workflowName: 'x',
      traceIdHex: TRACE.hex,
      fromUnixMs: NOW,
      toUnixMs: NOW + 20,
    } as const;
    expect(await walk({ ...all, sort: NEWEST }, 10)).toEqual([wanted.runId.hex]);
  });

  it('is listed by each sort in pages without gaps, equal ones in the order of their making', async () => {
    const names = ['b', 'a', 'B', 'b', 'é', 'a', '_', 'b'];
    const runs = [];
    for (const [at, workflowName] of names.entries()) runs.push(await make({ workflowName }, NOW + (at % 3)));
    for (const [at, { runId }] of runs.entries()) {
      await store.runs.update('default', runId.hex, { status: 'completed' }, NOW + 100 - (at % 2));
    }
    const stored = await Promise.all(runs.map(({ runId }) => store.runs.get('default', runId.hex)));
    const memberOf = {
      created_at: 'createdTimeUnixMs',
      updated_at: 'updatedTimeUnixMs',
      workflow_name: 'workflowName',
    } as const;
    for (const field of RUN_SORTS) {
      const keyed = stored.map((run, at) => ({ value: run![memberOf[field]], at, hex: run!.runId.hex }));
      const rising = keyed.toSorted((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.at - b.at));
      for (const descending of [false, true]) {
        const expected = (descending ? rising.toReversed() : rising).map(({ hex }) => hex);
        for (const limit of [1, 2, 3, 8, 100]) {
          expect([field, descending, await walk({ sort: { field, descending } }, limit)]).toEqual([
            field,
            descending,
            expected,
          ]);
        }
        const second = await store.runs.list({
          workspace: 'default',
          sort: { field, descending },
          limit: 3,
          offset: 3,
        });
        expect(second.items.map(({ runId }) => runId.hex)).toEqual(expected.slice(3, 6));
        expect(second).toMatchObject({ total: 8, totalRelation: 'eq' });
      }
    }
  });

  it('the place in a list of one sort is none in a list of another', async () => {
    for (let i = 0; i < 3; i++) await make();
    const { next } = await store.runs.list({ workspace: 'default', sort: NEWEST, limit: 1 });
    const foreign = [next!, { timeUnixNano: 0n, id: 'x' }, { timeUnixNano: 0n, id: '["workflow_name",{},1]' }];
    for (const after of foreign) {
      const query = {
        workspace: 'default',
        sort: { field: 'workflow_name', descending: false },
        limit: 1,
        after,
      } as const;
      await expect(store.runs.list(query)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    }
  });

  it('is read in the order of an index, not sorted anew', async () => {
    for (const field of RUN_SORTS) {
      await store.runs.list({ workspace: 'default', sort: { field, descending: true }, limit: 5 });
      expect(await place.planOfLast()).toMatch(/runs_by_/);
      expect(await place.planOfLast()).not.toMatch(/TEMP B-TREE|Sort/);
    }
  });

  it('counts up to a bound, and says so', async () => {
    const values = "('default', {id}, {id}, 'x', 'running', '{}', 1, 1)";
    const rows = Array.from({ length: 10_001 }, (_, at) => values.replaceAll('{id}', `'bulk-${at}'`)).join(',');
    await place.run(
      'insert into runs (workspace_id, run_id, run_id_hex, workflow_name, status, metadata, created_time_unix_ms, ' +
        `updated_time_unix_ms) values ${rows}`,
    );
    expect(await store.runs.count({ workspace: 'default' })).toEqual({ total: 10_000, totalRelation: 'gte' });
  });
}

describe('runs on SQLite', () => runsSuite(sqliteCase));
describe.skipIf(!server)('runs on Postgres', () => runsSuite(postgresCase(server)));
