/** Sums over a time range: the rollups of every block that reaches into it, put together. */
import type { UsageQuery, UsageRow } from '../generations.js';
import { DIMENSION_SETS, dimensionSetOf, type ReadRollup, SUM_COLUMNS, UsageMerge } from '../rollups.js';
import type { BlockReader } from './block-reader.js';
import type { Catalog } from './catalog.js';
import { leadingKeys } from './leading-keys.js';
import {
  everyRow,
  FIRST_SUM,
  isExact,
  PLACE,
  partsOf,
  placeIn,
  type RollupPlace,
  rangeIn,
  rollupAt,
  SKETCH,
  type TimeRange,
  unfolded,
} from './rollup-reads.js';
import type { UsageParts } from './usage-parts.js';

/** A key of its own is looked up time by time up to here; past it the rows of all keys are gone through. */
const MAX_LOOKUPS = 2000;

export function readUsage(catalog: Catalog, known: UsageParts, query: UsageQuery): UsageRow[] {
  const merge = new UsageMerge(query);
  const keys = leadingKeys(catalog, query);
  for (const block of catalog.blocks()) {
    const range = rangeIn(block, query);
    if (!range) continue;
    catalog.read(block.file, (reader) => {
      // What is folded meanwhile must not be missed, nor counted twice.
      reader.inOneState(() => {
        if (keys) for (const row of rollupsOfKeys(reader, query, range, keys)) merge.add(row);
        else addBlock(merge, { reader, query, range }, known);
      });
    });
  }
  return merge.rows();
}

function* rollupsOfKeys(
  reader: BlockReader,
  query: UsageQuery,
  range: TimeRange,
  keys: ReadonlySet<string>,
): Generator<ReadRollup> {
  const place = placeIn(reader, query);
  if (!place) return;
  yield* unfolded(reader, place, range, keys);
  yield* everyRow(reader, place, range, keys);
}

interface BlockQuery {
  reader: BlockReader;
  query: UsageQuery;
  range: TimeRange;
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
function nameOf({ workspace, grain, series, groupBy, filters }: UsageQuery, { from, to }: TimeRange): string {
  return JSON.stringify([from, to, grain, series, groupBy, filters, workspace]);
}

function* rollupsIn(reader: BlockReader, query: UsageQuery, range: TimeRange): Generator<ReadRollup> {
  const place = placeIn(reader, query);
  if (!place) return;
  const key = keyOf(query);
  const grouping = groupingOf(query);
  yield* unfolded(reader, place, range);
  if (key !== undefined && (range.to - range.from) / place.grain <= MAX_LOOKUPS) {
    yield* lookedUp(reader, place, range, key);
  } else if (grouping) {
    for (const part of partsOf(range, SUMMED_TIMES * place.grain)) {
      yield* summed(reader, place, part, grouping) ?? everyRow(reader, place, part);
    }
  } else yield* everyRow(reader, place, range);
}

function* lookedUp(
  reader: BlockReader,
  place: RollupPlace,
  { from, to }: TimeRange,
  key: string,
): Generator<ReadRollup> {
  for (let time = from; time < to; time += place.grain) {
    const rollup = rollupAt(reader, place, time, key);
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

/** undefined when a sum has more than 64 bits. */
function summed(
  reader: BlockReader,
  place: RollupPlace,
  range: TimeRange,
  by: 'time' | 'key',
): ReadRollup[] | undefined {
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
