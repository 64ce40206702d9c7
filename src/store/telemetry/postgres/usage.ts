/** Sums by time and dimension, read from the rollups: added up by the server as far as it goes, and put together here. */
import { type Dimension, GRAINS, type UsageQuery, type UsageRow } from '../generations.js';
import { DIMENSION_SETS, dimensionSetOf, SUM_COLUMNS, UsageMerge } from '../rollups.js';
import { Conditions } from './conditions.js';
import { indexedText } from './generation-rows.js';
import { sketchesIn } from './generation-statements.js';
import type { Queries } from './queries.js';

type SumColumn = (typeof SUM_COLUMNS)[number];

type SummedRow = Record<SumColumn, string> & { [dimension in Dimension]?: string | null } & {
  time: bigint | null;
  sketch: Buffer;
};

function columnOf(dimension: Dimension): string {
  return dimension === 'user' || dimension === 'session' ? 'identity' : dimension;
}

const SUMS = SUM_COLUMNS.map((column) => `sum(${column}) as ${column}`).join(', ');

export async function readUsage(queries: Queries, wanted: UsageQuery): Promise<UsageRow[]> {
  const query = { ...wanted, filters: indexedFilters(wanted.filters) };
  const set: readonly Dimension[] = DIMENSION_SETS[dimensionSetOf(query)]!;
  const named = set.filter((name) => query.groupBy.includes(name) || query.filters[name] !== undefined);
  const merge = new UsageMerge(query);
  for (const row of await readSums(queries, query, named)) {
    const key = JSON.stringify(set.map((name) => row[name] ?? ''));
    const amounts = SUM_COLUMNS.map((column) => BigInt(row[column]));
    const time = row.time === null ? 0 : Number(row.time);
    const [first = new Uint8Array(), ...others] = sketchesIn(row.sketch);
    merge.add({ time, key, amounts, sketch: first });
    for (const sketch of others) merge.add({ time, key, amounts: [], sketch });
  }
  return merge.rows();
}

function indexedFilters(filters: UsageQuery['filters']): UsageQuery['filters'] {
  const entries = Object.entries(filters).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, indexedText(value)]));
}

async function readSums(queries: Queries, query: UsageQuery, named: readonly Dimension[]): Promise<SummedRow[]> {
  const conditions = new Conditions();
  conditions.add('workspace = ? and dimensions = ?', query.workspace, dimensionSetOf(query));
  for (const [name, value] of Object.entries(query.filters))
    conditions.add(`${columnOf(name as Dimension)} = ?`, value);
  conditions.add(`(${slicesOf(query).map(sliceSql).join(' or ')})`);
  const columns = named.map((name) => `${columnOf(name)} as "${name}"`);
  const groups = [...(query.series ? ['time_unix_s'] : []), ...named.map(columnOf)];
  const sql = `select ${[query.series ? 'time_unix_s as time' : 'null::bigint as time', ...columns].join(', ')},
      ${SUMS}, string_agg(sketch, '') as sketch
    from rollups where ${conditions.sql} ${groups.length > 0 ? `group by ${groups.join(', ')}` : 'having count(*) > 0'}`;
  return await queries.rows<SummedRow>(sql, conditions.values);
}

interface Slice {
  grain: number;
  fromUnixS: number;
  toUnixS: number;
}

function sliceSql({ grain, fromUnixS, toUnixS }: Slice): string {
  return `grain = ${grain} and time_unix_s >= ${fromUnixS} and time_unix_s < ${toUnixS}`;
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
