/**
 * What batches add to sums, as it is kept until it is folded into them: a row of sums, read, added to and written for each key
 * of each grain, costs a batch of some calls more than all its other rows.
 */
import { GRAINS } from './generations.js';
import { compareText, type Rollup, type RollupChange, Tally } from './rollups.js';
import { Sketch } from './sketch.js';

/** Changes of one workspace and one set of dimensions, in one text. */
export interface RollupChanges {
  workspace: string;
  dimensions: number;
  /** Of the changes. */
  firstTime: number;
  lastTime: number;
  count: number;
  text: string;
}

type Written = [time: number, key: string, sums: (number | string)[], durations: number[]];

/** Of a change that was written. */
export interface ReadChange {
  time: number;
  key: string;
  /** In the order of SUM_COLUMNS; of a string the digits. */
  sums: readonly (number | string)[];
  /** As `Sketch.pairs` gave them. */
  durations: readonly number[];
}

/** Those that add nothing are left out. */
export function writeChanges(all: readonly RollupChange[]): RollupChanges[] {
  return bySet(all.filter(addsSomething)).map(written);
}

function bySet(all: readonly RollupChange[]): [RollupChange, ...RollupChange[]][] {
  const sets = new Map<string, [RollupChange, ...RollupChange[]]>();
  for (const change of all) {
    const name = `${change.dimensions} ${change.workspace}`;
    const set = sets.get(name);
    if (set) set.push(change);
    else sets.set(name, [change]);
  }
  return [...sets.values()];
}

function written(changes: readonly [RollupChange, ...RollupChange[]]): RollupChanges {
  const [{ workspace, dimensions, time }] = changes;
  let [firstTime, lastTime] = [time, time];
  for (const change of changes) {
    if (change.time < firstTime) firstTime = change.time;
    if (change.time > lastTime) lastTime = change.time;
  }
  const text = JSON.stringify(changes.map(writtenChange));
  return { workspace, dimensions, firstTime, lastTime, count: changes.length, text };
}

/** What JSON has no exact number for is its digits. */
function writtenChange({ time, key, tally, sketch }: RollupChange): Written {
  const sums = tally.sums().map((sum) => (typeof sum === 'bigint' ? sum.toString() : sum));
  return [time, key, sums, sketch.pairs()];
}

export function* readChanges(text: string): Generator<ReadChange> {
  for (const [time, key, sums, durations] of JSON.parse(text) as Written[]) yield { time, key, sums, durations };
}

/** The rows that they change, sorted as a primary key over (workspace, dimensions, grain, time, key) would have them. */
export function rollupsOf(changes: readonly RollupChange[]): Rollup[] {
  return bySet(changes).flatMap(rollupsOfSet).sort(byKey);
}

function rollupsOfSet(changes: readonly [RollupChange, ...RollupChange[]]): Rollup[] {
  const fold = new RollupFold(changes[0]);
  for (const change of changes) fold.add(change);
  return fold.rows();
}

export function addsSomething({ tally, sketch }: Pick<Rollup, 'tally' | 'sketch'>): boolean {
  return !sketch.isEmpty() || !tally.isZero;
}

const [MINUTE, ...LONGER] = Object.values(GRAINS).sort((a, b) => a - b) as [number, ...number[]];

type RollupSet = Pick<Rollup, 'workspace' | 'dimensions'>;

/** Minutes of one set put together to the rows that they change, of all grains: those with equal keys are added up. */
export class RollupFold {
  private readonly minutes: RollupsOfGrain;

  constructor(private readonly set: RollupSet) {
    this.minutes = new RollupsOfGrain(set, MINUTE);
  }

  add({ time, key, tally, sketch }: Pick<Rollup, 'time' | 'key' | 'tally' | 'sketch'>): void {
    const minute = this.minutes.of(time, key);
    minute.tally.merge(tally);
    minute.sketch.merge(sketch);
  }

  addRead({ time, key, sums, durations }: ReadChange): void {
    const minute = this.minutes.of(time, key);
    minute.tally.addAll(sums);
    minute.sketch.addPairs(durations);
  }

  /** The minutes themselves. */
  changes(): RollupChange[] {
    return this.minutes.all();
  }

  /** By grain, time and key; none that adds nothing. */
  rows(): Rollup[] {
    let shorter = this.minutes.all();
    const all = [...shorter];
    for (const grain of LONGER) {
      shorter = this.longer(shorter, grain);
      all.push(...shorter);
    }
    return all.filter(addsSomething).sort(byKey);
  }

  private longer(rows: readonly Rollup[], grain: number): Rollup[] {
    const longer = new RollupsOfGrain(this.set, grain);
    for (const { time, key, tally, sketch } of rows) {
      const row = longer.of(time, key);
      row.tally.merge(tally);
      row.sketch.merge(sketch);
    }
    return longer.all();
  }
}

class RollupsOfGrain {
  private readonly byTime = new Map<number, Map<string, Rollup>>();

  constructor(
    private readonly set: RollupSet,
    private readonly grain: number,
  ) {}

  of(time: number, key: string): Rollup {
    const start = Math.floor(time / this.grain) * this.grain;
    const byKey = this.rowsAt(start);
    const known = byKey.get(key);
    if (known) return known;
    const { workspace, dimensions } = this.set;
    const sums = { tally: new Tally(), sketch: new Sketch() };
    const row = { workspace, dimensions, grain: this.grain, time: start, key, ...sums };
    byKey.set(key, row);
    return row;
  }

  all(): Rollup[] {
    return [...this.byTime.values()].flatMap((byKey) => [...byKey.values()]);
  }

  private rowsAt(start: number): Map<string, Rollup> {
    const known = this.byTime.get(start);
    if (known) return known;
    const rows = new Map<string, Rollup>();
    this.byTime.set(start, rows);
    return rows;
  }
}

function byKey(a: Rollup, b: Rollup): number {
  return (
    compareText(a.workspace, b.workspace) ||
    a.dimensions - b.dimensions ||
    a.grain - b.grain ||
    a.time - b.time ||
    compareText(a.key, b.key)
  );
}
