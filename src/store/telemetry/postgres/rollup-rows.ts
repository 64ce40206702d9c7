/** The rows of rollups, and the sketches in them. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { GRAINS } from '../generations.js';
import { DIMENSION_SETS, type Rollup } from '../rollups.js';
import { Sketch } from '../sketch.js';
import { rowsOf } from './statements.js';
import { ADDED, amountsOf, SENT, SENT_TYPES, SUMS } from './sums.js';

/** 64 bits of a hash: of one workspace's keys no two are found that share it. */
export function rollupKey(key: string): bigint {
  return createHash('sha256').update(key).digest().readBigInt64BE(0);
}

/** A sketch that grew so long by appending is written anew afterwards. */
const MAX_SKETCH_BYTES = 4096;

/** Sketches are appended to each other, each after its length. */
export function framedSketch(encoded: Uint8Array): Buffer {
  const framed = Buffer.alloc(4 + encoded.length);
  framed.writeUInt32BE(encoded.length);
  framed.set(encoded, 4);
  return framed;
}

export function* sketchesIn(framed: Buffer): Iterable<Uint8Array> {
  for (let at = 0; at < framed.length; ) {
    const end = at + 4 + framed.readUInt32BE(at);
    yield framed.subarray(at + 4, end);
    at = end;
  }
}

/** Columns of the values of the first set, in its order. */
const VALUE_COLUMNS = DIMENSION_SETS[0];

function valuesOf({ dimensions, key }: Rollup): Record<string, string | undefined> {
  const values = JSON.parse(key) as string[];
  if (dimensions > 0) return { identity: values[0] };
  return Object.fromEntries(VALUE_COLUMNS.map((column, at) => [column, values[at]]));
}

/**
 * Of users and sessions only days are kept: there are hundreds of them in each minute, and there would be three rows of each.
 * Their minutes and hours are counted from the generations themselves, which an index has by session and user.
 */
export function isKept(dimensions: number, grain: number): boolean {
  return dimensions === 0 || grain === GRAINS.day;
}

/** One statement for all of them: in their order, in which others hold them too. */
export function addRollups(rollups: readonly Rollup[]): string {
  const rows = rollups.map((rollup) => ({
    ...valuesOf(rollup),
    workspace: rollup.workspace,
    dimensions: rollup.dimensions,
    grain: rollup.grain,
    time: rollup.time,
    hash: rollupKey(rollup.key),
    ...amountsOf(rollup.tally.amounts),
    sketch: `\\x${framedSketch(rollup.sketch.encode()).toString('hex')}`,
  }));
  const values = VALUE_COLUMNS.map((column) => `${column} text`).join(', ');
  const columns = `time bigint, hash bigint, grain integer, dimensions smallint, workspace text, ${values}, identity text,
    ${SENT_TYPES}, sketch bytea`;
  const names = `${VALUE_COLUMNS.join(', ')}, identity`;
  return `insert into rollups as known (time_unix_s, key, grain, dimensions, workspace, ${names}, ${SUMS}, sketch)
     select time, hash, grain, dimensions, workspace, ${names}, ${SENT}, sketch from ${rowsOf('item', columns, rows)}
     on conflict (workspace, dimensions, grain, time_unix_s, key) do update set ${ADDED},
       sketch = known.sketch || excluded.sketch
     returning case when octet_length(sketch) > ${MAX_SKETCH_BYTES} then
       json_build_array(workspace, dimensions, grain, time_unix_s, key::text) end as long_sketch`;
}

export type RollupPlace = [workspace: string, dimensions: number, grain: number, time: number, key: string];

/** Of what `addRollups` answers. */
export function longSketches({ rows }: pg.QueryResult<Record<string, unknown>>): RollupPlace[] {
  return rows.map(({ long_sketch: place }) => place as RollupPlace | null).filter((place) => place !== null);
}

function atRollup([workspace, dimensions, grain, time, key]: RollupPlace): string {
  return `workspace = ${pg.escapeLiteral(workspace)} and dimensions = ${dimensions} and grain = ${grain}
    and time_unix_s = ${time} and key = '${key}'::bigint`;
}

/** Sketches that grew by appending are put together, each under its row's lock: in a transaction of its own, whenever it suits. */
export async function compactSketches(client: pg.ClientBase, places: readonly RollupPlace[]): Promise<void> {
  if (places.length === 0) return;
  await client.query('begin');
  for (const place of places) {
    const { rows } = await client.query<{ sketch: Buffer }>(
      `select sketch from rollups where ${atRollup(place)} for update`,
    );
    if (!rows[0]) continue;
    const merged = Sketch.merged(sketchesIn(rows[0].sketch));
    await client.query(`update rollups set sketch = $1 where ${atRollup(place)}`, [framedSketch(merged.encode())]);
  }
  await client.query('commit');
}
