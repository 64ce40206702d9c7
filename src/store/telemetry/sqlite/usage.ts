/** Sums over a time range: the rollups of every block that reaches into it, put together. */
import { GRAINS, type UsageQuery, type UsageRow } from '../generations.js';
import { readChanges } from '../rollup-changes.js';
import { DIMENSION_SETS, dimensionSetOf, type ReadRollup, SUM_COLUMNS, UsageMerge } from '../rollups.js';
import { Sketch } from '../sketch.js';
import type { BlockReader } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { readWide } from './generation-rows.js';
import type { UsageParts } from './usage-parts.js';

const NANOS_PER_SECOND = 1_000_000_000n;
/** A key of its own is looked up time by time up to here; past it the rows of all keys are gone through. */
const MAX_LOOKUPS = 2000;

interface Range {
  /** Seconds since the epoch. Inclusive lower, exclusive upper. */
  from: number;
  to: number;
}

export function readUsage(catalog: Catalog, known: UsageParts, query: UsageQuery): UsageRow[] {
  const merge = new UsageMerge(query);
  for (const block of catalog.blocks()) {
    const range = rangeIn(block, query);
    if (!range) continue;
    catalog.read(block.file, (reader) => {
      // What is folded meanwhile must not be missed, nor counted twice.
      reader.inOneState(() => addBlock(merge, { reader, query, range }, known));
    });
  }
  return merge.rows();
}

interface BlockQuery {
  reader: BlockReader;
  query: UsageQuery;
  range: Range;
}

function addBlock(merge: UsageMerge, { reader, query, range }: BlockQuery, known: UsageParts): void {
  const readInto = (sums: UsageMerge) => {
    for (const row of rollupsIn(reader, query, range)) sums.add(row);
    return sums;
  };
  const parts = known.of(reader, nameOf(query, range), () => readInto(new UsageMerge(query)).parts());
  if (parts) for (const part of parts) merge.addPart(part);
  else readInto(merge);
}

/** Of a block it is asked for no more than it has. */
function nameOf({ workspace, grain, series, groupBy, filters }: UsageQuery, { from, to }: Range): string {
  return JSON.stringify([from, to, grain, series, groupBy, filters, workspace]);
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

interface Place {
  workspace: bigint;
  dimensions: number;
  grain: number;
}

function* rollupsIn(reader: BlockReader, query: UsageQuery, range: Range): Generator<ReadRollup> {
  const workspace = reader.workspaceId(query.workspace);
  if (workspace === undefined) return;
  const place = { workspace, dimensions: dimensionSetOf(query), grain: GRAINS[query.grain] };
  const key = keyOf(query);
  const grouping = groupingOf(query);
  if (reader.hasRollupChanges) yield* unfolded(reader, place, range);
  if (key !== undefined && (range.to - range.from) / place.grain <= MAX_LOOKUPS) {
    yield* lookedUp(reader, place, range, key);
  } else if (grouping) {
    for (const part of partsOf(range, place.grain)) {
      yield* summed(reader, place, part, grouping) ?? everyRow(reader, place, part);
    }
  } else yield* everyRow(reader, place, range);
}

/** Of all keys: those of batches that were not folded yet. */
function* unfolded(reader: BlockReader, place: Place, range: Range): Generator<ReadRollup> {
  for (const [text] of reader.iterateArrays(UNFOLDED, { ...place, ...range })) {
    for (const { time, key, sums, durations } of readChanges(text as string)) {
      const start = Math.floor(time / place.grain) * place.grain;
      if (start < range.from || start >= range.to) continue;
      yield { time: start, key, amounts: sums, sketches: [Sketch.ofPairs(durations).encode()] };
    }
  }
}

function* lookedUp(reader: BlockReader, place: Place, { from, to }: Range, key: string): Generator<ReadRollup> {
  for (let time = from; time < to; time += place.grain) {
    const rollup = rollupAt(reader, place, time, key);
    if (rollup) yield rollup;
  }
}

function rollupAt(reader: BlockReader, place: Place, time: number, key: string): ReadRollup | undefined {
  const values = reader.getArray(`${SELECT} AND time = @time AND key = @key`, { ...place, time, key });
  return values && toRollup(values as Values);
}

function* everyRow(reader: BlockReader, place: Place, range: Range): Generator<ReadRollup> {
  const rows = reader.iterateNumbers(IN_RANGE, { ...place, ...range });
  for (const values of rows as Iterable<NumberValues>) {
    const rollup = isExact(values) ? ofNumbers(values) : rollupAt(reader, place, values[0], values[1]);
    if (rollup) yield rollup;
  }
}

/** What rows have in common that come to one: SQLite adds those up, which is several times as fast as handing over each. */
function groupingOf({ groupBy, filters, series }: UsageQuery): 'time' | 'key' | undefined {
  const isOfAllKeys = groupBy.length === 0 && Object.values(filters).every((value) => value === undefined);
  if (isOfAllKeys) return 'time';
  return series ? undefined : 'key';
}

/** Times that are added up at once: what SQLite has to sort, and to put into one text, is bounded by them. */
const SUMMED_TIMES = 32;

function* partsOf({ from, to }: Range, grain: number): Generator<Range> {
  const step = SUMMED_TIMES * grain;
  for (let at = from; at < to; at += step) yield { from: at, to: Math.min(at + step, to) };
}

/** undefined when a sum has more than 64 bits. */
function summed(reader: BlockReader, place: Place, range: Range, by: 'time' | 'key'): ReadRollup[] | undefined {
  try {
    const rows = [...reader.iterateNumbers(SUMMED[by], { ...place, ...range })] as SummedNumbers[];
    if (rows.every(isExact)) return rows.map(ofSums);
    const exact = [...reader.iterateArrays(SUMMED_EXACTLY[by], { ...place, ...range })] as SummedValues[];
    const isWhole = exact.every((values) => values.slice(FIRST_SUM, SKETCH).every((sum) => typeof sum === 'bigint'));
    return isWhole ? exact.map(ofSums) : undefined;
  } catch (error) {
    if (error instanceof Error && error.message === 'integer overflow') return undefined;
    throw error;
  }
}

type SummedValues = [time: bigint, key: string, ...(bigint | string)[]];
type SummedNumbers = [time: number, key: string, ...(number | string)[]];

function ofSums(values: SummedValues | SummedNumbers): ReadRollup {
  const sketches = (values[SKETCH] as string).split(' ').map((sketch) => Buffer.from(sketch, 'hex'));
  const amounts = values.slice(FIRST_SUM, SKETCH) as ReadRollup['amounts'];
  return { time: Number(values[0]), key: values[1], amounts, sketches };
}

const PLACE = 'workspace_id = @workspace AND dimensions = @dimensions AND grain = @grain';
const SELECT = `SELECT time, key, ${SUM_COLUMNS.join(', ')}, sketch FROM rollups WHERE ${PLACE}`;
const IN_RANGE = `${SELECT} AND time >= @from AND time < @to AND within_budget()`;

/** The range begins and ends with a grain. */
const UNFOLDED = `SELECT changes FROM rollup_changes WHERE workspace_id = @workspace AND dimensions = @dimensions
  AND last_time >= @from AND first_time < @to AND within_budget()`;

const SUMS = `${SUM_COLUMNS.map((column) => `sum(${column})`).join(', ')}, group_concat(hex(sketch), ' ')`;
const summedBy = (by: 'time' | 'key', columns: string) =>
  `SELECT ${columns}, ${SUMS} FROM rollups WHERE ${PLACE} AND time >= @from AND time < @to
    GROUP BY ${by} HAVING within_budget()`;
const SUMMED = { time: summedBy('time', "time, '[]'"), key: summedBy('key', '0, key') };
/** The same in other words: a text is of one kind of read. */
const SUMMED_EXACTLY = { time: `${SUMMED.time} AND true`, key: `${SUMMED.key} AND true` };

/** The only key that the query accepts; undefined when it accepts several. */
function keyOf(query: UsageQuery): string | undefined {
  const values = DIMENSION_SETS[dimensionSetOf(query)]!.map((name) => query.filters[name]);
  return values.every((value) => value !== undefined) ? JSON.stringify(values) : undefined;
}

function toRollup([time, key, ...rest]: Values): ReadRollup {
  const amounts = (rest.slice(0, SUM_COLUMNS.length) as (bigint | string)[]).map(readWide);
  return { time: Number(time), key, amounts, sketches: [rest.at(-1) as Buffer] };
}

const FIRST_SUM = 2;
const SKETCH = FIRST_SUM + SUM_COLUMNS.length;

function isExact(values: NumberValues | SummedNumbers): boolean {
  for (let at = FIRST_SUM; at < SKETCH; at++) if (!Number.isSafeInteger(values[at])) return false;
  return true;
}

function ofNumbers(values: NumberValues): ReadRollup {
  const [time, key] = values;
  return { time, key, amounts: values.slice(FIRST_SUM, SKETCH) as number[], sketches: [values[SKETCH] as Buffer] };
}
