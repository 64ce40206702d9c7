/** Rows of a block's rollups, and what waits to be folded into them. */
import { GRAINS, type UsageQuery } from '../generations.js';
import { readChanges } from '../rollup-changes.js';
import { dimensionSetOf, type ReadRollup, SUM_COLUMNS } from '../rollups.js';
import { Sketch } from '../sketch.js';
import type { BlockReader } from './block-reader.js';
import type { Block } from './catalog.js';
import { readWide } from './generation-rows.js';

const NANOS_PER_SECOND = 1_000_000_000n;

export interface TimeRange {
  /** Seconds since the epoch. Inclusive lower, exclusive upper. */
  from: number;
  to: number;
}

/** What of the query's range the block may have. */
export function rangeIn({ generations }: Block, { fromUnixMs, toUnixMs, grain }: UsageQuery): TimeRange | undefined {
  if (!generations) return undefined;
  const seconds = GRAINS[grain];
  const floor = (time: bigint) => Math.floor(Number(time / NANOS_PER_SECOND) / seconds) * seconds;
  const from = Math.max(Math.ceil(fromUnixMs / 1000), floor(generations.min));
  const to = Math.min(Math.ceil(toUnixMs / 1000), floor(generations.max) + seconds);
  return from < to ? { from, to } : undefined;
}

export function* partsOf({ from, to }: TimeRange, step: number): Generator<TimeRange> {
  for (let at = from; at < to; at += step) yield { from: at, to: Math.min(at + step, to) };
}

export interface RollupPlace {
  workspace: bigint;
  dimensions: number;
  grain: number;
}

/** undefined where the block has nothing of the workspace. */
export function placeIn(reader: BlockReader, query: UsageQuery): RollupPlace | undefined {
  const workspace = reader.workspaceId(query.workspace);
  if (workspace === undefined) return undefined;
  return { workspace, dimensions: dimensionSetOf(query), grain: GRAINS[query.grain] };
}

type Values = [time: bigint, key: string, ...(bigint | string | Buffer)[]];
/** As numbers, which are a third of the work: a row with one that is no safe integer is read anew. */
type NumberValues = [time: number, key: string, ...(number | string | Buffer)[]];

export const FIRST_SUM = 2;
export const SKETCH = FIRST_SUM + SUM_COLUMNS.length;

export const PLACE = 'workspace_id = @workspace AND dimensions = @dimensions AND grain = @grain';
const SELECT = `SELECT time, key, ${SUM_COLUMNS.join(', ')}, sketch FROM rollups WHERE ${PLACE}`;
const IN_RANGE = `${SELECT} AND time >= @from AND time < @to`;
const OF_KEYS = `${IN_RANGE} AND key IN (SELECT value FROM json_each(@keys)) AND within_budget()`;
const OF_ALL_KEYS = `${IN_RANGE} AND within_budget()`;

/** Of all keys, or of some. */
export function* everyRow(
  reader: BlockReader,
  place: RollupPlace,
  range: TimeRange,
  keys?: ReadonlySet<string>,
): Generator<ReadRollup> {
  const wanted = keys && { keys: JSON.stringify([...keys]) };
  const rows = reader.iterateNumbers(wanted ? OF_KEYS : OF_ALL_KEYS, { ...place, ...range, ...wanted });
  for (const values of rows as Iterable<NumberValues>) {
    const rollup = isExact(values) ? ofNumbers(values) : rollupAt(reader, place, values[0], values[1]);
    if (rollup) yield rollup;
  }
}

export function rollupAt(reader: BlockReader, place: RollupPlace, time: number, key: string): ReadRollup | undefined {
  const values = reader.getArray(`${SELECT} AND time = @time AND key = @key`, { ...place, time, key });
  return values && toRollup(values as Values);
}

/** Whether the sums among the values are numbers, and exact. */
export function isExact(values: readonly unknown[]): boolean {
  for (let at = FIRST_SUM; at < SKETCH; at++) if (!Number.isSafeInteger(values[at])) return false;
  return true;
}

function toRollup([time, key, ...rest]: Values): ReadRollup {
  const amounts = (rest.slice(0, SUM_COLUMNS.length) as (bigint | string)[]).map(readWide);
  return { time: Number(time), key, amounts, sketches: [rest.at(-1) as Buffer] };
}

function ofNumbers(values: NumberValues): ReadRollup {
  const [time, key] = values;
  return { time, key, amounts: values.slice(FIRST_SUM, SKETCH) as number[], sketches: [values[SKETCH] as Buffer] };
}

/** The range begins and ends with a grain. */
const UNFOLDED = `SELECT changes FROM rollup_changes WHERE workspace_id = @workspace AND dimensions = @dimensions
  AND last_time >= @from AND first_time < @to AND within_budget()`;

/** Those of batches that were not folded yet, of all keys or of some. */
export function* unfolded(
  reader: BlockReader,
  place: RollupPlace,
  range: TimeRange,
  keys?: ReadonlySet<string>,
): Generator<ReadRollup> {
  if (!reader.hasRollupChanges) return;
  for (const [text] of reader.iterateArrays(UNFOLDED, { ...place, ...range })) {
    for (const { time, key, sums, durations } of readChanges(text as string)) {
      const start = Math.floor(time / place.grain) * place.grain;
      if (start < range.from || start >= range.to || keys?.has(key) === false) continue;
      yield { time: start, key, amounts: sums, sketches: [Sketch.ofPairs(durations).encode()] };
    }
  }
}
