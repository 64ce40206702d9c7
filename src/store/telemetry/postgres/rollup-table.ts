/**
 * Rollups, and what is still to be folded into them: a transaction appends what it adds, one row for each set of dimensions,
 * and so waits for no other. Between batches a writer takes such rows out and adds them up, in a transaction of its own.
 */
import pg from 'pg';
import { GatewayError } from '../../../errors.js';
import { RollupFold, readChanges, writeChanges } from '../rollup-changes.js';
import type { RollupChange } from '../rollups.js';
import { addRollups, compactSketches, isKept, longSketches } from './rollup-rows.js';
import { literalOf, runTogether } from './statements.js';

/** Of one workspace and set of dimensions: more would be much to read for each query, fewer would be written more often. */
const MAX_CHANGES = 4096;
const MAX_ROWS = 256;
/** Taken out at once: what a fold holds in memory is bounded by it. */
const MAX_FOLDED_ROWS = 2 * MAX_ROWS;

type Results = readonly pg.QueryResult<Record<string, unknown>>[];

/** Where changes wait, and how many. */
interface Unfolded {
  workspace: string;
  dimensions: number;
  rows: number;
  changes: number;
}

/** To be run in the transaction of what they sum up. */
export function keepChanges(changes: readonly RollupChange[]): string[] {
  const rows = writeChanges(changes).map(
    ({ workspace, dimensions, firstTime, lastTime, count, text }) =>
      `(${firstTime}, ${lastTime}, ${count}, ${dimensions}, ${pg.escapeLiteral(workspace)}, ${literalOf(text)})`,
  );
  if (rows.length === 0) return [];
  return [
    `insert into rollup_changes (first_time_unix_s, last_time_unix_s, count, dimensions, workspace, changes)
     values ${rows.join(', ')} returning count as kept_changes`,
  ];
}

const UNFOLDED = `select workspace, dimensions, count(*)::int as rows, sum(count)::int as changes
  from rollup_changes group by workspace, dimensions`;

/** Of one writer. */
export class RollupTable {
  /** Since it was looked how many there are: others add some too, and have left some behind. */
  private rows = Number.POSITIVE_INFINITY;
  private changes = 0;

  /** Of a transaction's statements. */
  note(results: Results): void {
    for (const { kept_changes: count } of results.flatMap(({ rows }) => rows)) {
      if (count === undefined) continue;
      this.rows += 1;
      this.changes += count as number;
    }
  }

  /** Between transactions. What can't be folded now is folded later. */
  async settle(client: pg.ClientBase): Promise<void> {
    if (this.rows <= MAX_ROWS && this.changes <= MAX_CHANGES) return;
    [this.rows, this.changes] = [0, 0];
    await foldAll(client, isMuch).catch(() => client.query('rollback').catch(() => {}));
  }
}

function isMuch({ rows, changes }: Unfolded): boolean {
  return rows > MAX_ROWS || changes > MAX_CHANGES;
}

export async function foldAll(client: pg.ClientBase, wanted: (unfolded: Unfolded) => boolean): Promise<void> {
  const { rows } = await client.query<Unfolded>(UNFOLDED);
  for (const unfolded of rows.filter(wanted)) await fold(client, unfolded);
}

async function fold(client: pg.ClientBase, { workspace, dimensions }: Unfolded): Promise<void> {
  await client.query('begin');
  const fold = new RollupFold({ workspace, dimensions });
  for (const text of await takeOut(client, workspace, dimensions)) {
    for (const change of readChanges(text)) fold.addRead(change);
  }
  const rollups = fold.rows().filter(({ grain }) => isKept(dimensions, grain));
  const results = await runTogether(client, [...(rollups.length > 0 ? [addRollups(rollups)] : []), 'commit']);
  if (results.at(-1)!.command !== 'COMMIT') throw new GatewayError('STORE_UNAVAILABLE', 'Postgres rolled back');
  await compactSketches(client, longSketches(results[0]!));
}

/** Those that nobody else is folding. Rows of this table are never changed, so that each stays where it was found. */
async function takeOut(client: pg.ClientBase, workspace: string, dimensions: number): Promise<string[]> {
  const { rows } = await client.query<{ changes: string }>(
    `delete from rollup_changes where ctid = any(array(
       select ctid from rollup_changes where workspace = $1 and dimensions = $2
       limit ${MAX_FOLDED_ROWS} for update skip locked))
     returning changes`,
    [workspace, dimensions],
  );
  return rows.map(({ changes }) => changes);
}
