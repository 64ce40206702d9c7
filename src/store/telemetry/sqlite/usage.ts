/** Sums over a time range: the rollups of every block that reaches into it, put together. */
import { GRAINS, type UsageQuery, type UsageRow } from '../generations.js';
import { DIMENSION_SETS, dimensionSetOf, type ReadRollup, SUM_COLUMNS, UsageMerge } from '../rollups.js';
import type { BlockReader } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { readWide } from './generation-rows.js';

const NANOS_PER_SECOND = 1_000_000_000n;
/** A key of its own is looked up time by time up to here; past it the rows of all keys are gone through. */
const MAX_LOOKUPS = 2000;

interface Range {
  /** Seconds since the epoch. Inclusive lower, exclusive upper. */
  from: number;
  to: number;
}

export function readUsage(catalog: Catalog, query: UsageQuery): UsageRow[] {
  const merge = new UsageMerge(query);
  for (const block of catalog.blocks()) {
    const range = rangeIn(block, query);
    if (!range) continue;
    catalog.read(block.file, (reader) => {
      for (const row of rollupsIn(reader, query, range)) merge.add(row);
    });
  }
  return merge.rows();
}

/** What of the query's range the block may have. */
function rangeIn({ generations }: Block, { fromUnixMs, toUnixMs, grain }: UsageQuery): Range | undefined {
  if (!generations) return undefined;
  const seconds = GRAINS[grain];
  const floor = (time: bigint) => Math.floor(Number(time / NANOS_PER_SECOND) / seconds) * seconds;
  const from = Math.max(Math.ceil(fromUnixMs / 1000), floor(generations.min));
  const to = Math.min(Math.ceil(toUnixMs / 1000), floor(generations.max) + seconds);
  return from < to ? { from, to } : undefined;
}

type Values = [time: bigint, key: string, ...(bigint | string | Buffer)[]];
/** As numbers, which are a third of the work: a row with one that is no safe integer is read anew. */
type NumberValues = [time: number, key: string, ...(number | string | Buffer)[]];

function* rollupsIn(reader: BlockReader, query: UsageQuery, range: Range): Generator<ReadRollup> {
  const workspace = reader.workspaceId(query.workspace);
  if (workspace === undefined) return;
  const place = { workspace, dimensions: dimensionSetOf(query), grain: GRAINS[query.grain] };
  const key = keyOf(query);
  const lookups = (range.to - range.from) / place.grain;
  const at = (time: number, key: string) => {
    const values = reader.getArray(`${SELECT} AND time = @time AND key = @key`, { ...place, time, key });
    return values && toRollup(values as Values);
  };
  if (key === undefined || lookups > MAX_LOOKUPS) {
    const rows = reader.iterateNumbers(IN_RANGE, { ...place, ...range });
    for (const values of rows as Iterable<NumberValues>) {
      const rollup = isExact(values) ? ofNumbers(values) : at(values[0], values[1]);
      if (rollup) yield rollup;
    }
    return;
  }
  for (let time = range.from; time < range.to; time += place.grain) {
    const rollup = at(time, key);
    if (rollup) yield rollup;
  }
}

const SELECT = `SELECT time, key, ${SUM_COLUMNS.join(', ')}, sketch FROM rollups
  WHERE workspace_id = @workspace AND dimensions = @dimensions AND grain = @grain`;
const IN_RANGE = `${SELECT} AND time >= @from AND time < @to AND within_budget()`;

/** The only key that the query accepts; undefined when it accepts several. */
function keyOf(query: UsageQuery): string | undefined {
  const values = DIMENSION_SETS[dimensionSetOf(query)]!.map((name) => query.filters[name]);
  return values.every((value) => value !== undefined) ? JSON.stringify(values) : undefined;
}

function toRollup([time, key, ...rest]: Values): ReadRollup {
  const amounts = (rest.slice(0, SUM_COLUMNS.length) as (bigint | string)[]).map(readWide);
  return { time: Number(time), key, amounts, sketch: rest.at(-1) as Buffer };
}

const FIRST_SUM = 2;
const SKETCH = FIRST_SUM + SUM_COLUMNS.length;

function isExact(values: NumberValues): boolean {
  for (let at = FIRST_SUM; at < SKETCH; at++) if (!Number.isSafeInteger(values[at])) return false;
  return true;
}

function ofNumbers(values: NumberValues): ReadRollup {
  const [time, key] = values;
  return { time, key, amounts: values.slice(FIRST_SUM, SKETCH) as number[], sketch: values[SKETCH] as Buffer };
}
