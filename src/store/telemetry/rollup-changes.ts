/**
 * What batches add to sums, as it is kept until it is folded into them: a row of sums, read, added to and written for each key
 * of each grain, costs a batch of some calls more than all its other rows.
 */
import { GRAINS } from './generations.js';
import { type Amounts, compareText, type Rollup, Tally } from './rollups.js';
import { Sketch } from './sketch.js';

/** Of one minute and one key. */
export interface RollupChange {
  workspace: string;
  /** Index into DIMENSION_SETS. */
  dimensions: number;
  /** Seconds since the epoch, a multiple of 60. */
  time: number;
  key: string;
  amounts: Amounts;
  sketch: Sketch;
}

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

type Written = [time: number, key: string, amounts: (number | string)[], sketch: string];

/** Those that add nothing are left out. */
export function writeChanges(all: readonly RollupChange[]): RollupChanges[] {
  const groups = new Map<string, RollupChange[]>();
  for (const change of all) {
    if (!addsSomething(change)) continue;
    const name = `${change.dimensions} ${change.workspace}`;
    const group = groups.get(name);
    if (group) group.push(change);
    else groups.set(name, [change]);
  }
  return [...groups.values()].map(written);
}

function written(changes: readonly RollupChange[]): RollupChanges {
  const { workspace, dimensions } = changes[0]!;
  const times = changes.map(({ time }) => time);
  return {
    workspace,
    dimensions,
    firstTime: times.reduce((a, b) => Math.min(a, b)),
    lastTime: times.reduce((a, b) => Math.max(a, b)),
    count: changes.length,
    text: JSON.stringify(
      changes.map(({ time, key, amounts, sketch }): Written => {
        return [time, key, amounts.map(exactJson), sketch.encode().toString('base64')];
      }),
    ),
  };
}

/** What JSON has no exact number for is its digits. */
function exactJson(amount: bigint): number | string {
  const number = Number(amount);
  return Number.isSafeInteger(number) ? number : amount.toString();
}

function exact(amount: number | string): number | bigint {
  return typeof amount === 'string' ? BigInt(amount) : amount;
}

export function* readChanges({ text, ...of }: Pick<RollupChanges, 'workspace' | 'dimensions' | 'text'>) {
  for (const [time, key, amounts, sketch] of JSON.parse(text) as Written[]) {
    yield { ...of, time, key, amounts: amounts.map(exact), sketch: Buffer.from(sketch, 'base64') };
  }
}

/** The rows that they change. */
export function rollupsOf(changes: readonly RollupChange[]): Rollup[] {
  const fold = new RollupFold();
  for (const change of changes) fold.add(change);
  return fold.rows();
}

export function addsSomething({ amounts, sketch }: Pick<Rollup, 'amounts' | 'sketch'>): boolean {
  return !sketch.isEmpty() || amounts.some((amount) => amount !== 0n);
}

type Added = Omit<RollupChange, 'amounts' | 'sketch'> & {
  amounts: readonly (number | bigint)[];
  sketch: Sketch | Uint8Array;
};
type Folded = Omit<Rollup, 'amounts'> & { tally: Tally };

/** Minutes put together to the rows that they change: of all grains, those with equal keys added up. */
export class RollupFold {
  private readonly byName = new Map<string, Folded>();

  add(change: Added): void {
    const { amounts, sketch } = change;
    for (const grain of Object.values(GRAINS)) {
      const row = this.row(change, grain);
      row.tally.addAll(amounts);
      if (sketch instanceof Sketch) row.sketch.merge(sketch);
      else row.sketch.mergeEncoded(sketch);
    }
  }

  /** Sorted as a primary key over (workspace, dimensions, grain, time, key) would have them; none that adds nothing. */
  rows(): Rollup[] {
    const all = Array.from(this.byName.values(), ({ tally, ...row }) => ({ ...row, amounts: tally.amounts }));
    return all.filter(addsSomething).sort(byKey);
  }

  private row({ workspace, dimensions, time, key }: Added, grain: number): Folded {
    const start = Math.floor(time / grain) * grain;
    const name = `${dimensions} ${grain} ${start} ${key} ${workspace}`;
    const known = this.byName.get(name);
    if (known) return known;
    const row = { workspace, dimensions, grain, time: start, key, tally: new Tally(), sketch: new Sketch() };
    this.byName.set(name, row);
    return row;
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
