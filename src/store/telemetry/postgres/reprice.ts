/** Costs anew, some rows at a time: the rows and all sums of them change in one transaction. */
import type pg from 'pg';
import { GatewayError } from '../../../errors.js';
import type { Cost } from '../../../model/generation.js';
import type { RepriceResult, RepriceStep, StoredGeneration } from '../generations.js';
import { CallClaims } from './call-claims.js';
import { GenerationChanges } from './generation-changes.js';
import {
  type GenerationRow,
  rowOf,
  SELECTED,
  type SelectedRow,
  storedGenerationOf,
  WITH_PRICE,
} from './generation-rows.js';
import { holdKnownTraces, statementsOf } from './generation-statements.js';
import type { RollupTable } from './rollup-table.js';
import type { Shared } from './shared-rows.js';
import { storeShared } from './shared-rows.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';
import { signed } from './time.js';

type PriceOf = (generation: StoredGeneration) => Cost | undefined;

interface Place {
  start: bigint;
  row: bigint;
}

/** Where costs and sums of them are written. */
interface CostTables {
  client: pg.ClientBase;
  shared: Shared;
  rollups: RollupTable;
}

/** Begins a transaction and ends it. */
export async function reprice(
  { client, shared, rollups }: CostTables,
  step: RepriceStep,
  priceOf: PriceOf,
): Promise<RepriceResult> {
  await client.query('begin');
  const places = await readPlaces(client, step);
  const examined = await hold(client, step, places);
  const changes = new GenerationChanges(new CallClaims([], []));
  const repriced = examined.filter((row) => setCost(row, priceOf, changes));
  await storeShared(client, priced(shared, repriced));
  const ending = [BY_INDEX, ...setCosts(repriced, shared), ...statementsOf(changes, new CallClaims([], [])), 'commit'];
  const results = await runTogether(client, ending);
  if (results.at(-1)!.command !== 'COMMIT') throw new GatewayError('STORE_UNAVAILABLE', 'Postgres rolled back');
  rollups.note(results);
  const next = places.length < step.limit ? undefined : cursorOf(places.at(-1)!);
  return { examined: examined.length, changed: repriced.length, next };
}

function cursorOf({ start, row }: Place): string {
  return `${start}/${row}`;
}

function placeOf(cursor: string): Place {
  const [, start, row] = /^(-?\d{1,19})\/(-?\d{1,19})$/.exec(cursor) ?? [];
  if (start === undefined) throw new GatewayError('BAD_REQUEST', 'The place to go on from is malformed');
  return { start: BigInt(start), row: BigInt(row!) };
}

interface PlaceRow {
  start: string;
  row: string;
  trace_id: string | null;
}

async function readPlaces(
  client: pg.ClientBase,
  { workspace, fromUnixNano, toUnixNano, after, limit }: RepriceStep,
): Promise<(Place & { traceId: string | undefined })[]> {
  const values: unknown[] = [workspace, signed(fromUnixNano), signed(toUnixNano), limit];
  const place = after === undefined ? undefined : placeOf(after);
  if (place) values.push(place.start, place.row);
  // Newest first, and ties by their number upwards: the order of the index.
  const following = place ? 'and start_time_unix_nano <= $5 and (start_time_unix_nano < $5 or row_id > $6)' : '';
  await client.query('set local enable_sort = off; set local enable_bitmapscan = off; set local enable_seqscan = off');
  const { rows } = await client.query<PlaceRow>(
    `select start_time_unix_nano::text as start, row_id::text as row, replace(trace_id::text, '-', '') as trace_id
     from generations where workspace = $1 and start_time_unix_nano >= $2 and start_time_unix_nano < $3 ${following}
     order by start_time_unix_nano desc, row_id limit $4`,
    values,
  );
  await client.query('set local enable_sort = on; set local enable_bitmapscan = on');
  return rows.map(({ start, row, trace_id: id }) => ({
    start: BigInt(start),
    row: BigInt(row),
    traceId: id ?? undefined,
  }));
}

/** The rows as they are once nobody else changes them: writers hold a trace before they touch a row of it. */
async function hold(
  client: pg.ClientBase,
  { workspace }: RepriceStep,
  places: readonly (Place & { traceId: string | undefined })[],
): Promise<GenerationRow[]> {
  if (places.length === 0) return [];
  const traces = [...new Set(places.map(({ traceId }) => traceId))].filter((id) => id !== undefined).sort();
  if (traces.length > 0) {
    await runTogether(client, [BY_INDEX, holdKnownTraces(traces.map((traceId) => ({ workspace, traceId })))]);
  }
  const [first, last] = [places.at(-1)!.start, places[0]!.start];
  const { rows } = await client.query(
    `select ${SELECTED} from generations item ${WITH_PRICE}
     where item.workspace = $1 and item.start_time_unix_nano between '${first}'::bigint and '${last}'::bigint
       and (item.start_time_unix_nano, item.row_id) in (select * from unnest($2::bigint[], $3::bigint[]))
     order by item.start_time_unix_nano, item.row_id for update of item`,
    [workspace, places.map(({ start }) => start), places.map(({ row }) => row)],
  );
  return (rows as SelectedRow[]).map((row) => Object.assign(rowOf(row), { stored: storedGenerationOf(row) }));
}

function setCost(
  row: GenerationRow & { stored?: StoredGeneration },
  priceOf: PriceOf,
  changes: GenerationChanges,
): boolean {
  const before = row.generation.cost;
  const cost = priceOf(row.stored!);
  if (before?.picodollars === cost?.picodollars && before?.price.key === cost?.price.key) return false;
  changes.replaceCost(row, cost);
  return true;
}

function priced(shared: Shared, rows: readonly GenerationRow[]): Shared {
  for (const { workspace, generation } of rows)
    if (generation.cost) shared.prices.idOf(workspace, generation.cost.price);
  return shared;
}

function setCosts(rows: readonly GenerationRow[], shared: Shared): string[] {
  if (rows.length === 0) return [];
  const items = rows.map(({ workspace, rowId, generation: { startTimeUnixNano, cost } }) => ({
    workspace,
    start: startTimeUnixNano,
    row_id: rowId,
    picodollars: cost?.picodollars ?? null,
    price_id: cost ? shared.prices.idOf(workspace, cost.price) : null,
  }));
  const times = items.map(({ start }) => start);
  const [first, last] = [times[0]!, times.at(-1)!];
  const columns = 'workspace text, start bigint, row_id bigint, picodollars numeric, price_id bigint';
  return [
    `update generations row set picodollars = item.picodollars, price_id = item.price_id from ${rowsOf('item', columns, items)}
     where row.workspace = item.workspace and row.start_time_unix_nano = item.start and row.row_id = item.row_id
       and row.start_time_unix_nano between '${first}'::bigint and '${last}'::bigint`,
  ];
}
