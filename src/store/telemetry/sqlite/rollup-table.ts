/** The rollups of a block, and what is still to be folded into them. */
import type Database from 'better-sqlite3';
import { addsSomething, type RollupChange, RollupFold, readChanges, writeChanges } from '../rollup-changes.js';
import { addAmounts, type Rollup, SUM_COLUMNS } from '../rollups.js';
import { readWide, wideColumn } from './generation-rows.js';

/** Of one workspace and set of dimensions: more would be much to read for each query, fewer would be written more often. */
const MAX_CHANGES = 8192;
const MAX_ROWS_OF_CHANGES = 512;

/** Changes of one workspace and set of dimensions. */
interface Unfolded {
  workspaceId: number;
  dimensions: number;
  rows: number;
  changes: number;
}

type SumValues = (bigint | string)[];

export class RollupTable {
  private readonly statements;
  /** At least what there is: another connection may have folded some of it. */
  private unfolded: Map<string, Unfolded> | undefined;

  constructor(db: Database.Database) {
    this.statements = prepareStatements(db);
  }

  /** Call it within the transaction. */
  add(changes: readonly RollupChange[]): void {
    for (const { workspace, dimensions, firstTime, lastTime, count, text } of writeChanges(changes)) {
      this.statements.addChanges.run(BigInt(workspace), dimensions, firstTime, lastTime, count, text);
      this.count(Number(workspace), dimensions, count);
    }
    for (const unfolded of this.all().values()) if (isMuch(unfolded)) this.foldOne(unfolded);
  }

  /** Call it within a transaction. */
  fold(): void {
    for (const unfolded of this.all().values()) this.foldOne(unfolded);
  }

  /** After a rollback. */
  forget(): void {
    this.unfolded = undefined;
  }

  private all(): Map<string, Unfolded> {
    this.unfolded ??= new Map((this.statements.unfolded.all() as Unfolded[]).map((one) => [nameOf(one), one]));
    return this.unfolded;
  }

  /** Of a row that is there already. */
  private count(workspaceId: number, dimensions: number, changes: number): void {
    const known = this.unfolded?.get(nameOf({ workspaceId, dimensions }));
    if (known) {
      known.rows += 1;
      known.changes += changes;
    } else this.unfolded?.set(nameOf({ workspaceId, dimensions }), { workspaceId, dimensions, rows: 1, changes });
  }

  private foldOne({ workspaceId, dimensions }: Unfolded): void {
    const fold = new RollupFold();
    const workspace = `${workspaceId}`;
    for (const text of this.statements.changes.all(workspaceId, dimensions) as string[]) {
      for (const change of readChanges({ workspace, dimensions, text })) fold.add(change);
    }
    for (const rollup of fold.rows()) this.write(rollup);
    this.statements.forget.run(workspaceId, dimensions);
    this.unfolded?.delete(nameOf({ workspaceId, dimensions }));
  }

  private write({ workspace, dimensions, grain, time, key, amounts, sketch }: Rollup): void {
    const place = [BigInt(workspace), dimensions, grain, time, key];
    const stored = this.statements.rollup.get(...place) as [...SumValues, Buffer] | undefined;
    if (stored) {
      sketch.mergeEncoded(stored.at(-1) as Buffer);
      addAmounts(amounts, (stored.slice(0, SUM_COLUMNS.length) as SumValues).map(readWide));
    }
    if (addsSomething({ amounts, sketch })) {
      this.statements.setRollup.run(...place, ...amounts.map(wideColumn), sketch.encode());
    } else this.statements.deleteRollup.run(...place);
  }
}

function nameOf({ workspaceId, dimensions }: Pick<Unfolded, 'workspaceId' | 'dimensions'>): string {
  return `${dimensions} ${workspaceId}`;
}

function isMuch({ rows, changes }: Unfolded): boolean {
  return rows > MAX_ROWS_OF_CHANGES || changes > MAX_CHANGES;
}

function prepareStatements(db: Database.Database) {
  const columns = SUM_COLUMNS.join(', ');
  const places = SUM_COLUMNS.map(() => '?').join(', ');
  const place = 'workspace_id = ? AND dimensions = ? AND grain = ? AND time = ? AND key = ?';
  const of = 'FROM rollup_changes WHERE workspace_id = ? AND dimensions = ?';
  return {
    addChanges: db.prepare(
      `INSERT INTO rollup_changes (workspace_id, dimensions, first_time, last_time, count, changes)
        VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    unfolded: db.prepare(
      `SELECT workspace_id AS workspaceId, dimensions, count(*) AS rows, sum(count) AS changes FROM rollup_changes
        GROUP BY workspace_id, dimensions`,
    ),
    changes: db.prepare(`SELECT changes ${of}`).pluck(),
    forget: db.prepare(`DELETE ${of}`),
    rollup: db.prepare(`SELECT ${columns}, sketch FROM rollups WHERE ${place}`).safeIntegers(true).raw(true),
    setRollup: db.prepare(
      `INSERT OR REPLACE INTO rollups (workspace_id, dimensions, grain, time, key, ${columns}, sketch)
        VALUES (?, ?, ?, ?, ?, ${places}, ?)`,
    ),
    deleteRollup: db.prepare(`DELETE FROM rollups WHERE ${place}`),
  };
}
