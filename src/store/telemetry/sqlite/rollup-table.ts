/** The rollups of a block, and what is still to be folded into them. */
import type Database from 'better-sqlite3';
import {
  addsSomething,
  type RollupChanges,
  RollupFold,
  readChanges,
  rollupsOf,
  writeChanges,
} from '../rollup-changes.js';
import { type Rollup, type RollupChange, SUM_COLUMNS } from '../rollups.js';
import { sumColumn } from './generation-rows.js';
import { ROLLUP_CHANGES_VERSION } from './schema.js';

/** Of one workspace and set of dimensions: more would be much to read for each query, fewer would be written more often. */
const MAX_CHANGES = 8192;
const MAX_ROWS_OF_CHANGES = 512;
/** What is left of them when those of equal keys are put together: as many again come before the next time. */
const MAX_COMPACTED = MAX_CHANGES / 2;

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
  /** undefined where nothing waits to be folded: in a block of an older version, or that gets no more rows. */
  private readonly waiting: ReturnType<typeof prepareWaiting> | undefined;
  /** At least what there is: another connection may have folded some of it. */
  private unfolded: Map<string, Unfolded> | undefined;

  constructor(db: Database.Database) {
    this.statements = prepareStatements(db);
    this.waiting = isGrowing(db) ? prepareWaiting(db) : undefined;
  }

  /** Call it within the transaction. */
  add(changes: readonly RollupChange[]): void {
    if (this.waiting === undefined) {
      this.write(rollupsOf(changes));
      return;
    }
    for (const one of writeChanges(changes)) this.keep(one);
    for (const unfolded of [...this.all().values()]) if (isMuch(unfolded)) this.compact(unfolded);
  }

  /** Call it within a transaction. */
  fold(): void {
    for (const unfolded of [...this.all().values()]) this.write(this.takeOut(unfolded).rows());
  }

  /** After a rollback. */
  forget(): void {
    this.unfolded = undefined;
  }

  private all(): Map<string, Unfolded> {
    this.unfolded ??= new Map(((this.waiting?.unfolded.all() ?? []) as Unfolded[]).map((one) => [nameOf(one), one]));
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

  private keep({ workspace, dimensions, firstTime, lastTime, count, text }: RollupChanges): void {
    this.waiting!.addChanges.run(BigInt(workspace), dimensions, firstTime, lastTime, count, text);
    this.count(Number(workspace), dimensions, count);
  }

  /** Changes of a few keys become one for each; those of many are folded into rollups. */
  private compact(unfolded: Unfolded): void {
    const fold = this.takeOut(unfolded);
    const changes = fold.changes();
    if (changes.length > MAX_COMPACTED) this.write(fold.rows());
    else for (const one of writeChanges(changes)) this.keep(one);
  }

  private takeOut({ workspaceId, dimensions }: Unfolded): RollupFold {
    const fold = new RollupFold({ workspace: `${workspaceId}`, dimensions });
    for (const text of this.waiting!.changes.all(workspaceId, dimensions) as string[]) {
      for (const change of readChanges(text)) fold.addRead(change);
    }
    this.waiting!.forget.run(workspaceId, dimensions);
    this.unfolded?.delete(nameOf({ workspaceId, dimensions }));
    return fold;
  }

  private write(rollups: readonly Rollup[]): void {
    for (const rollup of rollups) this.writeOne(rollup);
  }

  private writeOne({ workspace, dimensions, grain, time, key, tally, sketch }: Rollup): void {
    const place = [BigInt(workspace), dimensions, grain, time, key];
    const stored = this.statements.rollup.get(...place) as [...SumValues, Buffer] | undefined;
    if (stored) {
      sketch.mergeEncoded(stored.at(-1) as Buffer);
      tally.addAll(stored.slice(0, SUM_COLUMNS.length) as SumValues);
    }
    if (addsSomething({ tally, sketch })) {
      this.statements.setRollup.run(...place, ...tally.sums().map(sumColumn), sketch.encode());
    } else this.statements.deleteRollup.run(...place);
  }
}

function nameOf({ workspaceId, dimensions }: Pick<Unfolded, 'workspaceId' | 'dimensions'>): string {
  return `${dimensions} ${workspaceId}`;
}

function isMuch({ rows, changes }: Unfolded): boolean {
  return rows > MAX_ROWS_OF_CHANGES || changes > MAX_CHANGES;
}

/** What comes to a block that is closed comes seldom, and every query would read it anew. */
function isGrowing(db: Database.Database): boolean {
  const sql = 'SELECT 1 FROM block WHERE schema_version >= ? AND closed_time_unix_ms IS NULL';
  return db.prepare(sql).get(ROLLUP_CHANGES_VERSION) !== undefined;
}

function prepareWaiting(db: Database.Database) {
  const of = 'FROM rollup_changes WHERE workspace_id = ? AND dimensions = ?';
  return {
    addChanges: db.prepare(
      `INSERT INTO rollup_changes (workspace_id, dimensions, first_time, last_time, count, changes)
        VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    // As numbers, whatever the connection makes of integers: they are counted on.
    unfolded: db
      .prepare(
        `SELECT workspace_id AS workspaceId, dimensions, count(*) AS rows, sum(count) AS changes FROM rollup_changes
          GROUP BY workspace_id, dimensions`,
      )
      .safeIntegers(false),
    changes: db.prepare(`SELECT changes ${of}`).pluck(),
    forget: db.prepare(`DELETE ${of}`),
  };
}

function prepareStatements(db: Database.Database) {
  const columns = SUM_COLUMNS.join(', ');
  const places = SUM_COLUMNS.map(() => '?').join(', ');
  const place = 'workspace_id = ? AND dimensions = ? AND grain = ? AND time = ? AND key = ?';
  return {
    rollup: db.prepare(`SELECT ${columns}, sketch FROM rollups WHERE ${place}`).safeIntegers(true).raw(true),
    setRollup: db.prepare(
      `INSERT OR REPLACE INTO rollups (workspace_id, dimensions, grain, time, key, ${columns}, sketch)
        VALUES (?, ?, ?, ?, ?, ${places}, ?)`,
    ),
    deleteRollup: db.prepare(`DELETE FROM rollups WHERE ${place}`),
  };
}
