/**
 * Of a call that several instrumentations saw one sighting counts: when that one is deleted, the first of those that stay
 * counts in its place. This is a transaction before the deletion's, which is begun again when it is cut off: a crash between
 * the two leaves no call out. It is done again afterwards, for what was written meanwhile.
 */
import type pg from 'pg';
import { GatewayError } from '../../../errors.js';
import { canCount, SightingIndex } from '../sightings.js';
import type { TraceDeletion } from '../telemetry.js';
import { CallClaims, KEPT_MS } from './call-claims.js';
import { GenerationChanges } from './generation-changes.js';
import { type GenerationRow, rowOf, SELECTED, type SelectedRow, sightingOf, WITH_PRICE } from './generation-rows.js';
import { holdKnownTraces, statementsOf } from './generation-statements.js';
import { hexOf } from './native-ids.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';

/** A sender that gives all its calls one id has countless sightings of one call. */
const MAX_SIGHTINGS = 10_000;

export class Successors {
  /** Received until then, the spans of a trace go. */
  private readonly until: ReadonlyMap<string, number>;
  /** What counts, and goes or is gone. */
  private readonly lost = new Map<string, GenerationRow>();

  constructor(deletions: readonly TraceDeletion[]) {
    this.until = new Map(
      deletions.map(({ workspace, traceId, receivedUntilUnixMs }) => [
        `${workspace}/${hexOf(traceId)}`,
        receivedUntilUnixMs,
      ]),
    );
  }

  /** False when no call that counts goes. */
  get areNeeded(): boolean {
    return this.lost.size > 0;
  }

  /** That went: also what another gateway wrote of the traces since they were looked at. */
  lose(gone: readonly GenerationRow[]): void {
    for (const row of gone) if (row.counted) this.lost.set(nameOf(row), row);
  }

  /** Counts what takes the place of what goes. May be called again: what counts by then has no second successor. */
  async count(client: pg.ClientBase): Promise<void> {
    await runTogether(client, ['begin', BY_INDEX]);
    const heirs = await this.find(client);
    const ending = heirs.length > 0 ? await this.settle(client, heirs) : [];
    const results = await runTogether(client, [...ending, 'commit']);
    if (results.at(-1)!.command !== 'COMMIT') throw new GatewayError('STORE_UNAVAILABLE', 'Postgres rolled back');
  }

  private async find(client: pg.ClientBase): Promise<GenerationRow[]> {
    const ofTraces = await readTraces(client, [...this.until.keys()]);
    this.lose(ofTraces.filter((row) => this.isGoing(row)));
    if (this.lost.size === 0) return [];
    const sightings = [...ofTraces, ...(await readSightings(client, [...this.lost.values()]))];
    return sightings.filter((row) => this.isHeir(row));
  }

  private isGoing({ source, workspace, traceId, receivedTimeUnixMs }: GenerationRow): boolean {
    const until = source === 'span' ? this.until.get(`${workspace}/${traceId}`) : undefined;
    return until !== undefined && receivedTimeUnixMs <= until;
  }

  private isHeir(row: GenerationRow): boolean {
    return !row.counted && canCount(row.generation) && !this.isGoing(row);
  }

  /** Traces and responses are held in the order in which writers hold them. What they became meanwhile counts. */
  private async settle(client: pg.ClientBase, found: readonly GenerationRow[]): Promise<string[]> {
    const rows = await hold(client, found);
    const heirs = rows.filter((row) => this.isHeir(row)).sort(byArrival);
    const claims = new CallClaims(heirs, []);
    const statements = claims.statements();
    if (statements.length > 0) claims.read((await runTogether(client, statements))[0]);
    for (const row of this.lost.values()) claims.release(row);
    const changes = new GenerationChanges(claims);
    const counted = this.choose(heirs, countedOf(rows.filter((row) => !this.isGoing(row))), claims);
    for (const row of counted) changes.count(row);
    return [BY_INDEX, ...countRows(counted), ...statementsOf(changes, claims)];
  }

  private choose(
    heirs: readonly GenerationRow[],
    ofTraces: ReadonlyMap<string, SightingIndex>,
    claims: CallClaims,
  ): GenerationRow[] {
    const nothing = new SightingIndex();
    return heirs.filter((row) => {
      const ofTrace = (row.source === 'span' && ofTraces.get(traceOf(row))) || nothing;
      if (ofTrace.has(sightingOf(row)) || !claims.take(row)) return false;
      if (row.source === 'span') ofTrace.add(sightingOf(row));
      return true;
    });
  }
}

/** All rows of the traces of these, and those that have none. */
async function hold(client: pg.ClientBase, found: readonly GenerationRow[]): Promise<GenerationRow[]> {
  const traces = [...new Set(found.filter(({ traceId }) => traceId !== '').map(traceOf))];
  if (traces.length > 0) await runTogether(client, [holdKnownTraces(traces.map(traceNamed))]);
  const logs = found.filter(({ traceId }) => traceId === '');
  return [...(await readTraces(client, traces)), ...(await readLogs(client, logs))];
}

async function readTraces(client: pg.ClientBase, names: readonly string[]): Promise<GenerationRow[]> {
  if (names.length === 0) return [];
  const ids = [...new Set(names.map((name) => traceNamed(name).traceId))].join(',');
  const wanted = new Set(names);
  const rows = await read(client, `where item.trace_id = any('{${ids}}'::uuid[])`);
  return rows.filter((row) => wanted.has(traceOf(row)));
}

/** Near in time: an id that comes again after days is of another call. */
async function readSightings(client: pg.ClientBase, lost: readonly GenerationRow[]): Promise<GenerationRow[]> {
  const answered = lost.filter(({ generation }) => generation.responseId !== '');
  if (answered.length === 0) return [];
  const items = answered.map(({ workspace, receivedTimeUnixMs, generation: { responseId } }) => ({
    workspace,
    response_id: responseId,
    received: receivedTimeUnixMs,
  }));
  return read(
    client,
    `join ${rowsOf('lost', 'workspace text, response_id text, received bigint', items)}
       on item.workspace = lost.workspace and item.response_id = lost.response_id
     where item.countable and not item.counted and item.response_id is not null
       and abs(item.received_time_unix_ms - lost.received) <= ${KEPT_MS}
     order by item.received_time_unix_ms limit ${MAX_SIGHTINGS}`,
  );
}

/** Held: no trace is held for them. */
async function readLogs(client: pg.ClientBase, rows: readonly GenerationRow[]): Promise<GenerationRow[]> {
  if (rows.length === 0) return [];
  return read(client, `join ${placesOf(rows)} on ${atPlaces(rows, 'item')} for update of item`);
}

async function read(client: pg.ClientBase, condition: string): Promise<GenerationRow[]> {
  const [result] = await runTogether(client, [`select ${SELECTED} from generations item ${WITH_PRICE} ${condition}`]);
  return (result!.rows as unknown as SelectedRow[]).map(rowOf);
}

function countRows(rows: readonly GenerationRow[]): string[] {
  if (rows.length === 0) return [];
  return [`update generations item set counted = true from ${placesOf(rows)} where ${atPlaces(rows, 'item')}`];
}

function placesOf(rows: readonly GenerationRow[]): string {
  const places = rows.map(({ workspace, rowId, generation }) => ({
    workspace,
    start: generation.startTimeUnixNano,
    row_id: rowId,
  }));
  return rowsOf('place', 'workspace text, start bigint, row_id bigint', places);
}

/** Literals leave the partitions of other days out of the plan. */
function atPlaces(rows: readonly GenerationRow[], item: string): string {
  const times = rows.map(({ generation }) => generation.startTimeUnixNano).sort((a, b) => (a < b ? -1 : 1));
  const [first, last] = [times[0]!, times.at(-1)!];
  return `${item}.workspace = place.workspace and ${item}.start_time_unix_nano = place.start and ${item}.row_id = place.row_id
    and ${item}.start_time_unix_nano between '${first}'::bigint and '${last}'::bigint`;
}

/** By trace: what counts of it. */
function countedOf(rows: readonly GenerationRow[]): Map<string, SightingIndex> {
  const traces = new Map<string, SightingIndex>();
  for (const row of rows) {
    if (row.source === 'log') continue;
    const index = traces.get(traceOf(row)) ?? new SightingIndex();
    traces.set(traceOf(row), index);
    if (row.counted) index.add(sightingOf(row));
  }
  return traces;
}

function byArrival(a: GenerationRow, b: GenerationRow): number {
  if (a.receivedTimeUnixMs !== b.receivedTimeUnixMs) return a.receivedTimeUnixMs - b.receivedTimeUnixMs;
  return a.rowId < b.rowId ? -1 : 1;
}

function traceOf({ workspace, traceId }: GenerationRow): string {
  return `${workspace}/${traceId}`;
}

function traceNamed(name: string): { workspace: string; traceId: string } {
  const at = name.lastIndexOf('/');
  return { workspace: name.slice(0, at), traceId: name.slice(at + 1) };
}

function nameOf(row: GenerationRow): string {
  return `${traceOf(row)}/${row.rowId}`;
}
