/** Sums by time and dimension, read from the rollups: added up by the server as far as it goes, and put together here. */
import { type Dimension, GRAINS, type UsageQuery, type UsageRow } from '../generations.js';
import { readChanges } from '../rollup-changes.js';
import { DIMENSION_SETS, dimensionSetOf, type ReadRollup, SUM_COLUMNS, UsageMerge } from '../rollups.js';
import { Sketch } from '../sketch.js';
import { Conditions } from './conditions.js';
import { IS_UNPRICED, indexedText } from './generation-rows.js';
import type { Queries } from './queries.js';
import { isKept, sketchesIn } from './rollup-rows.js';

type Rows = Queries['rows'];
type SumColumn = (typeof SUM_COLUMNS)[number];

type SummedRow = Record<SumColumn, string | bigint> & { [dimension in Dimension]?: string | null } & {
  time: string | bigint | null;
  /** Of rollups. */
  sketch?: Buffer;
  /** Of calls themselves. */
  durations?: string[];
};

/** What is summed, from where. */
interface Slice {
  grain: number;
  fromUnixS: number;
  toUnixS: number;
}

interface Reading extends UsageQuery {
  set: readonly Dimension[];
  setAt: number;
  /** Grouped or filtered by. */
  named: readonly Dimension[];
}

/** Rejects with VALIDATION_FAILED for dimensions of several sets. */
export async function readUsage(queries: Queries, wanted: UsageQuery): Promise<UsageRow[]> {
  const filters = indexedFilters(wanted.filters);
  const setAt = dimensionSetOf(wanted);
  const set: readonly Dimension[] = DIMENSION_SETS[setAt]!;
  const named = set.filter((name) => wanted.groupBy.includes(name) || filters[name] !== undefined);
  const reading = { ...wanted, filters, set, setAt, named };
  const merge = new UsageMerge(reading);
  const slices = slicesOf(reading);
  const kept = slices.filter(({ grain }) => isKept(setAt, grain));
  const others = slices.filter(({ grain }) => !isKept(setAt, grain));
  // What is folded meanwhile must not be missed, nor counted twice.
  await queries.inOneState(async (rows) => {
    if (kept.length > 0) {
      for (const row of await readRollups(rows, reading, kept)) addRow(merge, set, row);
      for (const row of await readUnfolded(rows, reading, kept)) merge.add(row);
    }
    for (const slice of others) for (const row of await readCalls(rows, reading, slice)) addRow(merge, set, row);
  });
  return merge.rows();
}

function indexedFilters(filters: UsageQuery['filters']): UsageQuery['filters'] {
  const entries = Object.entries(filters).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, indexedText(value)]));
}

function addRow(merge: UsageMerge, set: readonly Dimension[], row: SummedRow): void {
  const key = JSON.stringify(set.map((name) => row[name] ?? ''));
  const amounts = SUM_COLUMNS.map((column) => BigInt(row[column]));
  const time = Number(row.time ?? 0);
  merge.add({ time, key, amounts, sketches: sketchesOf(row) });
}

function sketchesOf({ sketch, durations = [] }: SummedRow): Uint8Array[] {
  if (sketch) return [...sketchesIn(sketch)];
  const made = new Sketch();
  for (const duration of durations) made.add(Number(duration), 1);
  return [made.encode()];
}

function columnOf(dimension: Dimension): string {
  return dimension === 'user' || dimension === 'session' ? 'identity' : dimension;
}

const SUMS = SUM_COLUMNS.map((column) => `sum(${column}) as ${column}`).join(', ');

async function readRollups(rows: Rows, query: Reading, slices: readonly Slice[]): Promise<SummedRow[]> {
  const conditions = new Conditions();
  conditions.add('workspace = ? and dimensions = ?', query.workspace, query.setAt);
  for (const [name, value] of Object.entries(query.filters))
    conditions.add(`${columnOf(name as Dimension)} = ?`, value);
  conditions.add(`(${slices.map(sliceSql).join(' or ')})`);
  const time = query.series ? 'time_unix_s as time' : 'null::bigint as time';
  const columns = [time, ...query.named.map((name) => `${columnOf(name)} as "${name}"`)];
  const groups = [...(query.series ? ['time_unix_s'] : []), ...query.named.map(columnOf)];
  return await rows<SummedRow>(
    `select ${columns.join(', ')}, ${SUMS}, string_agg(sketch, '') as sketch
     from rollups where ${conditions.sql} ${groupSql(groups)}`,
    conditions.values,
  );
}

/** Whatever is not in the rollups yet, of all keys. */
async function readUnfolded(rows: Rows, query: Reading, slices: readonly Slice[]): Promise<ReadRollup[]> {
  const { grain, toUnixS } = slices.at(-1)!;
  const texts = await rows<{ changes: string }>(
    `select changes from rollup_changes where workspace = $1 and dimensions = $2
       and last_time_unix_s >= $3 and first_time_unix_s < $4`,
    [query.workspace, query.setAt, slices[0]!.fromUnixS, Math.ceil(toUnixS / grain) * grain],
  );
  return texts.flatMap(({ changes }) => [...unfoldedIn(changes, slices)]);
}

function* unfoldedIn(text: string, slices: readonly Slice[]): Iterable<ReadRollup> {
  for (const { time, key, sums, durations } of readChanges(text)) {
    for (const { grain, fromUnixS, toUnixS } of slices) {
      const start = Math.floor(time / grain) * grain;
      if (start < fromUnixS || start >= toUnixS) continue;
      yield { time: start, key, amounts: sums, sketches: [Sketch.ofPairs(durations).encode()] };
    }
  }
}

function groupSql(groups: readonly string[]): string {
  return groups.length > 0 ? `group by ${groups.join(', ')}` : 'having count(*) > 0';
}

function sliceSql({ grain, fromUnixS, toUnixS }: Slice): string {
  return `grain = ${grain} and time_unix_s >= ${fromUnixS} and time_unix_s < ${toUnixS}`;
}

const TOKENS = SUM_COLUMNS.filter((column) => column.endsWith('_tokens'));
const CALL_SUMS = [
  'count(*) as requests',
  'count(*) filter (where is_error) as errors',
  `count(*) filter (where ${IS_UNPRICED}) as unpriced`,
  ...[...TOKENS, 'picodollars', 'duration_nano'].map((column) => `coalesce(sum(${column}), 0) as ${column}`),
  'array_agg(duration_nano) as durations',
].join(', ');

const NANOS_PER_SECOND = 1_000_000_000n;

/** Users or sessions by the minute or hour: from their calls. */
async function readCalls(rows: Rows, query: Reading, slice: Slice): Promise<SummedRow[]> {
  const column = query.set[0] === 'user' ? 'user_id' : 'session_id';
  const conditions = new Conditions();
  conditions.add('workspace = ? and counted', query.workspace);
  const [from, to] = [BigInt(slice.fromUnixS) * NANOS_PER_SECOND, BigInt(slice.toUnixS) * NANOS_PER_SECOND];
  conditions.add('start_time_unix_nano >= ? and start_time_unix_nano < ?', from, to);
  const wanted = query.filters.user ?? query.filters.session;
  if (wanted === '') conditions.add(`${column} is null`);
  else if (wanted !== undefined) conditions.add(`${column} = ?`, wanted);
  const time = query.series ? `start_time_unix_nano / ${slice.grain}000000000 * ${slice.grain}` : 'null::bigint';
  const columns = [`${time} as time`, ...query.named.map((name) => `${column} as "${name}"`)];
  const groups = [...(query.series ? ['1'] : []), ...query.named.map(() => column)];
  return await rows<SummedRow>(
    `select ${columns.join(', ')}, ${CALL_SUMS} from generations where ${conditions.sql} ${groupSql(groups)}`,
    conditions.values,
  );
}

/** A sum over the whole range is made of whole days, and of the hours and minutes at its ends. */
function slicesOf({ fromUnixMs, toUnixMs, grain, series }: UsageQuery): Slice[] {
  const [from, to] = [Math.floor(fromUnixMs / 1000), Math.ceil(toUnixMs / 1000)];
  if (series) return [{ grain: GRAINS[grain], fromUnixS: from, toUnixS: to }];
  return [...splitRange(from, to, [GRAINS.day, GRAINS.hour, GRAINS.minute])];
}

function* splitRange(from: number, to: number, [grain, ...finer]: readonly number[]): Iterable<Slice> {
  if (grain === undefined) return;
  const first = Math.ceil(from / grain) * grain;
  const last = Math.floor(to / grain) * grain;
  if (first >= last) {
    if (finer.length > 0) yield* splitRange(from, to, finer);
    return;
  }
  if (from < first) yield* splitRange(from, first, finer);
  yield { grain, fromUnixS: first, toUnixS: last };
  if (last < to) yield* splitRange(last, to, finer);
}
