/** What is folded into the rollups of a block, and what waits for it, are together what was added: never less, never twice. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRandom } from '../../../bench/load.js';
import { readChanges } from '../../../src/store/telemetry/rollup-changes.js';
import type { RollupChange } from '../../../src/store/telemetry/rollups.js';
import { SUM_COLUMNS, Tally } from '../../../src/store/telemetry/rollups.js';
import { Sketch } from '../../../src/store/telemetry/sketch.js';
import { RollupTable } from '../../../src/store/telemetry/sqlite/rollup-table.js';
import { createSchema } from '../../../src/store/telemetry/sqlite/schema.js';

let directory: string;
let db: Database.Database;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-rollups-'));
  db = new Database(path.join(directory, 'block.db'));
  db.pragma('journal_mode = WAL');
  createSchema(db, { writer: 0, createdTimeUnixMs: 0 });
});
afterEach(() => {
  db.close();
  rmSync(directory, { recursive: true });
});

const BEYOND_DOUBLES = 2n ** 70n;

function changeOf(random: () => number, users: number): RollupChange {
  const sketch = new Sketch();
  sketch.add(random() % 10_000, 1);
  const amounts = SUM_COLUMNS.map((_, at) => (at === 0 ? 1n : BigInt(random() % 100)));
  const tally = new Tally();
  if (random() % 50 === 0) amounts[10] = BEYOND_DOUBLES;
  tally.addAll(amounts);
  const time = (random() % 120) * 60;
  return { workspace: `${1 + (random() % 2)}`, dimensions: 1, time, key: `["u-${random() % users}"]`, tally, sketch };
}

type Counted = [requests: bigint, picodollars: bigint];

/** Of each key and day, of one grain. */
function requestsByKey(grain: number): Map<string, Counted> {
  const all = new Map<string, Counted>();
  const add = (name: string, requests: bigint, picodollars: bigint) => {
    const [a, b] = all.get(name) ?? [0n, 0n];
    all.set(name, [a + requests, b + picodollars]);
  };
  const rows = db.prepare('SELECT workspace_id, key, requests, picodollars FROM rollups WHERE grain = ?').raw();
  for (const [workspace, key, requests, picodollars] of rows.safeIntegers(true).all(grain) as [
    bigint,
    string,
    bigint,
    bigint | string,
  ][]) {
    add(`${workspace} ${key}`, requests, BigInt(picodollars));
  }
  const waiting = db.prepare('SELECT workspace_id, changes FROM rollup_changes').raw().all() as [number, string][];
  for (const [workspace, text] of waiting) {
    for (const { key, sums } of readChanges(text)) {
      add(`${workspace} ${key}`, BigInt(sums[0]!), BigInt(sums[10]!));
    }
  }
  return all;
}

function recount(changes: readonly RollupChange[]): Map<string, Counted> {
  const all = new Map<string, Counted>();
  for (const { workspace, key, tally } of changes) {
    const { amounts } = tally;
    const [a, b] = all.get(`${workspace} ${key}`) ?? [0n, 0n];
    all.set(`${workspace} ${key}`, [a + amounts[0]!, b + amounts[10]!]);
  }
  return all;
}

function foldedRows(): number {
  return db.prepare('SELECT count(*) FROM rollups').pluck().get() as number;
}

it('loses, or counts twice, what many batches added, some of them rolled back', () => {
  const random = createRandom(7);
  const table = new RollupTable(db);
  const kept: RollupChange[] = [];
  let folds = 0;
  for (let batch = 0; batch < 300; batch++) {
    const changes = Array.from({ length: 90 }, () => changeOf(random, 60));
    const before = foldedRows();
    db.exec('BEGIN');
    table.add(changes);
    if (batch % 7 === 3) {
      db.exec('ROLLBACK');
      table.forget();
      continue;
    }
    db.exec('COMMIT');
    kept.push(...changes);
    if (foldedRows() !== before) folds++;
  }
  expect(folds).toBeGreaterThan(1);
  const expected = recount(kept);
  for (const grain of [60, 3600, 86_400]) expect(requestsByKey(grain)).toEqual(expected);
});

it('keeps more and more rows of batches with one key each', () => {
  const random = createRandom(8);
  const table = new RollupTable(db);
  for (let batch = 0; batch < 2000; batch++) table.add([changeOf(random, 1)]);
  expect(db.prepare('SELECT count(*) FROM rollup_changes').pluck().get()).toBeLessThan(1100);
});

it('folds again what another connection folded, or misses what it added', () => {
  const random = createRandom(9);
  const other = new Database(path.join(directory, 'block.db'));
  const [mine, theirs] = [new RollupTable(db), new RollupTable(other)];
  const all = Array.from({ length: 200 }, () => changeOf(random, 5));
  mine.add(all.slice(0, 100));
  theirs.add(all.slice(100, 150));
  theirs.fold();
  mine.add(all.slice(150));
  mine.fold();
  other.close();
  expect(db.prepare('SELECT count(*) FROM rollup_changes').pluck().get()).toBe(0);
  expect(requestsByKey(86_400)).toEqual(recount(all));
});

it('leaves a row behind of what was taken away again', () => {
  const table = new RollupTable(db);
  const change = changeOf(createRandom(10), 1);
  const tally = new Tally();
  tally.addAll(change.tally.amounts.map((amount) => -amount));
  const sketch = new Sketch();
  for (const [bucket, count] of [[5, -1]] as const) sketch.addTo(bucket, count);
  const one = { ...change, sketch: new Sketch() };
  one.sketch.addTo(5, 1);
  table.add([one]);
  table.fold();
  table.add([{ ...one, tally, sketch }]);
  table.fold();
  expect(foldedRows()).toBe(0);
});

it('keeps a row of changes that add nothing', () => {
  new RollupTable(db).add([{ ...changeOf(createRandom(13), 1), tally: new Tally(), sketch: new Sketch() }]);
  expect(db.prepare('SELECT count(*) FROM rollup_changes').pluck().get()).toBe(0);
});

it('keeps changes for later in a block that is closed, or was made before they could wait', () => {
  const random = createRandom(11);
  const all = Array.from({ length: 20 }, () => changeOf(random, 5));
  db.exec('UPDATE block SET closed_time_unix_ms = 1');
  new RollupTable(db).add(all.slice(0, 10));
  expect(db.prepare('SELECT count(*) FROM rollup_changes').pluck().get()).toBe(0);
  db.exec('DROP TABLE rollup_changes; UPDATE block SET closed_time_unix_ms = NULL, schema_version = 4');
  const table = new RollupTable(db);
  table.add(all.slice(10));
  table.fold();
  expect(db.prepare('SELECT sum(requests) FROM rollups WHERE grain = 60').pluck().get()).toBe(20);
});

it('fails where the connection makes bigints of integers, as those that delete do', () => {
  const random = createRandom(12);
  const all = Array.from({ length: 30 }, () => changeOf(random, 5));
  db.defaultSafeIntegers(true);
  const table = new RollupTable(db);
  for (const at of [0, 10, 20]) table.add(all.slice(at, at + 10));
  table.fold();
  db.defaultSafeIntegers(false);
  expect(requestsByKey(60)).toEqual(recount(all));
});
