/** The SQL of what generation-changes.ts worked out: few statements, which go with the COMMIT of their batch. */
import type { CallClaims } from './call-claims.js';
import type { GenerationChanges, IdentityChange, TraceIdentity } from './generation-changes.js';
import type { GenerationRow } from './generation-rows.js';
import { keepChanges } from './rollup-table.js';
import { rowsOf } from './statements.js';
import { ADDED, amountsOf, SENT, SENT_TYPES, SUMS } from './sums.js';

/** Statements over rows that are named by their ids: to be run BY_INDEX. */
export function statementsOf(changes: GenerationChanges, claims: CallClaims): string[] {
  const identities = changes.identities();
  return [
    ...move(changes.moved),
    ...untell(changes.untold),
    ...tell(
      changes.toldAnew.filter(({ spreads }) => !spreads),
      TOLD_IN_FULL,
    ),
    ...tell(
      changes.toldAnew.filter(({ spreads }) => spreads),
      TOLD_IN_PART,
    ),
    ...claims.changes(),
    ...addIdentities(identities),
    ...correctTimes(identities.filter(({ shrank }) => shrank)),
    ...forgetTraces(changes.emptied),
    ...keepChanges(changes.rollups.changes()),
  ];
}

const TRACE_COLUMNS = 'workspace text, trace_id uuid, first bigint, last bigint';

export interface HeldTrace {
  key: string;
  workspace: string;
  traceId: string;
  first: bigint;
  last: bigint;
}

/** Makes the rows of these traces, or holds those that are there. */
export function holdTraces(traces: readonly HeldTrace[]): string {
  const rows = [...traces]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ workspace, traceId, first, last }) => ({ workspace, trace_id: traceId, first, last }));
  return `insert into generation_traces as held (first_time_unix_nano, last_time_unix_nano, trace_id, workspace)
    select first, last, trace_id, workspace from ${rowsOf('item', TRACE_COLUMNS, rows)}
    on conflict (trace_id, workspace) do update set
      first_time_unix_nano = least(held.first_time_unix_nano, excluded.first_time_unix_nano),
      last_time_unix_nano = greatest(held.last_time_unix_nano, excluded.last_time_unix_nano)
    returning workspace, replace(trace_id::text, '-', '') as trace_id, first_time_unix_nano::text as first,
      last_time_unix_nano::text as last, xmax = 0 as fresh`;
}

/** Those that are there, held. */
export function holdKnownTraces(traces: readonly { workspace: string; traceId: string }[]): string {
  return `${findTraces(traces)} order by held.workspace, held.trace_id for update of held`;
}

/** Those that are there. */
export function findTraces(traces: readonly { workspace: string; traceId: string }[]): string {
  const rows = traces.map(({ workspace, traceId }) => ({ workspace, trace_id: traceId }));
  return `select held.workspace, replace(held.trace_id::text, '-', '') as trace_id,
      first_time_unix_nano::text as first, last_time_unix_nano::text as last, false as fresh
    from generation_traces held join ${rowsOf('item', 'workspace text, trace_id uuid', rows)}
      on held.trace_id = item.trace_id and held.workspace = item.workspace`;
}

function forgetTraces(traces: readonly { workspace: string; traceId: string }[]): string[] {
  if (traces.length === 0) return [];
  const rows = traces.map(({ workspace, traceId }) => ({ workspace, trace_id: traceId }));
  return [
    `delete from generation_traces held using ${rowsOf('item', 'workspace text, trace_id uuid', rows)}
     where held.trace_id = item.trace_id and held.workspace = item.workspace`,
  ];
}

/** Workspaces may have spans of the same ids: each row is named with its own. */
const PLACE_COLUMNS = 'workspace text, start bigint, row_id bigint, trace_id uuid';

function placesOf(rows: readonly GenerationRow[]) {
  return rows.map(({ workspace, generation, rowId, traceId, session, user }) => ({
    workspace,
    start: generation.startTimeUnixNano,
    row_id: rowId,
    trace_id: traceId,
    session: session || null,
    user: user || null,
  }));
}

/** Literals leave the partitions of other days out of the plan, and the ids lead to the rows. */
function atPlaces(rows: readonly GenerationRow[]): string {
  let [from, to] = [rows[0]!.generation.startTimeUnixNano, rows[0]!.generation.startTimeUnixNano];
  for (const { generation } of rows) {
    if (generation.startTimeUnixNano < from) from = generation.startTimeUnixNano;
    if (generation.startTimeUnixNano > to) to = generation.startTimeUnixNano;
  }
  const ids = [...new Set(rows.map(({ traceId }) => traceId))].join(',');
  return `row.start_time_unix_nano between '${from}'::bigint and '${to}'::bigint and row.trace_id = any('{${ids}}'::uuid[])
    and row.trace_id = item.trace_id and row.start_time_unix_nano = item.start and row.row_id = item.row_id
    and row.workspace = item.workspace`;
}

function move(rows: readonly GenerationRow[]): string[] {
  if (rows.length === 0) return [];
  const items = rowsOf('item', `${PLACE_COLUMNS}, session text, "user" text`, placesOf(rows));
  return [
    `update generations row set session_id = item.session, user_id = item."user" from ${items} where ${atPlaces(rows)}`,
  ];
}

/**
 * With their own texts. Those of log events stay: what was revised comes back, and in the same place, so that this is done
 * before anything is copied.
 */
export function removeRows(rows: readonly GenerationRow[]): string[] {
  if (rows.length === 0) return [];
  const items = rowsOf('item', PLACE_COLUMNS, placesOf(rows));
  const ids = [...new Set(rows.map(({ traceId }) => traceId))].join(',');
  return [
    `delete from generations row using ${items} where ${atPlaces(rows)}`,
    `delete from generation_texts text using ${items} where text.trace_id = any('{${ids}}'::uuid[])
     and text.trace_id = item.trace_id and text.row_id = item.row_id and text.workspace = item.workspace
     and not text.of_event`,
  ];
}

const IDENTITY_COLUMNS = 'workspace text, trace_id uuid, session text, "user" text, first bigint, last bigint';

function identityRows(identities: readonly TraceIdentity[]): string {
  const rows = identities.map(({ traceId, spreads: _, ...rest }) => ({ ...rest, trace_id: traceId }));
  return rowsOf('item', IDENTITY_COLUMNS, rows);
}

function untell(identities: readonly TraceIdentity[]): string[] {
  if (identities.length === 0) return [];
  return [
    `delete from trace_identities told using ${identityRows(identities)}
     where told.workspace = item.workspace and told.trace_id = item.trace_id and told.session_id = item.session
       and told.user_id = item."user"`,
  ];
}

const TOLD_IN_FULL = `first_time_unix_nano = excluded.first_time_unix_nano,
  last_time_unix_nano = excluded.last_time_unix_nano`;
/** Of the logs without a trace, and of a trace with more rows than are looked at. */
const TOLD_IN_PART = `first_time_unix_nano = least(told.first_time_unix_nano, excluded.first_time_unix_nano),
  last_time_unix_nano = greatest(told.last_time_unix_nano, excluded.last_time_unix_nano)`;

function tell(identities: readonly TraceIdentity[], set: string): string[] {
  if (identities.length === 0) return [];
  const merged = new Map<string, TraceIdentity>();
  for (const identity of identities) mergeIdentity(merged, identity);
  const sorted = [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, identity]) => identity);
  return [
    `insert into trace_identities as told
       (first_time_unix_nano, last_time_unix_nano, trace_id, workspace, session_id, user_id)
     select first, last, trace_id, workspace, session, "user" from ${identityRows(sorted)}
     on conflict (workspace, trace_id, session_id, user_id) do update set ${set}`,
  ];
}

function mergeIdentity(merged: Map<string, TraceIdentity>, identity: TraceIdentity): void {
  const key = JSON.stringify([identity.workspace, identity.traceId, identity.session, identity.user]);
  const known = merged.get(key);
  if (!known) merged.set(key, { ...identity });
  else {
    if (identity.first < known.first) known.first = identity.first;
    if (identity.last > known.last) known.last = identity.last;
  }
}

const [MIN_TIME, MAX_TIME] = [-(2n ** 63n), 2n ** 63n - 1n];

/** One from which was only taken away is there already: its times stay, and it is held. */
function addIdentities(identities: readonly IdentityChange[]): string[] {
  if (identities.length === 0) return [];
  const rows = identities.map(({ workspace, dimensions, id, first, last, tally }) => ({
    workspace,
    dimensions,
    id,
    first: first ?? MAX_TIME,
    last: last ?? MIN_TIME,
    ...amountsOf(tally.amounts),
  }));
  const columns = `workspace text, dimensions smallint, id text, first bigint, last bigint, ${SENT_TYPES}`;
  return [
    `insert into identities as known (first_time_unix_nano, last_time_unix_nano, dimensions, workspace, id, ${SUMS})
     select first, last, dimensions, workspace, id, ${SENT} from ${rowsOf('item', columns, rows)}
     on conflict (workspace, dimensions, id) do update set ${ADDED},
       first_time_unix_nano = least(known.first_time_unix_nano, excluded.first_time_unix_nano),
       last_time_unix_nano = greatest(known.last_time_unix_nano, excluded.last_time_unix_nano)`,
  ];
}

/** After they are held: whoever tells of one of them meanwhile either was seen here, or adds to it afterwards. */
function correctTimes(identities: readonly IdentityChange[]): string[] {
  return ([1, 2] as const).flatMap((dimensions) => {
    const rows = identities.filter((identity) => identity.dimensions === dimensions);
    if (rows.length === 0) return [];
    const column = dimensions === 1 ? 'user_id' : 'session_id';
    const items = rowsOf(
      'item',
      'workspace text, id text',
      rows.map(({ workspace, id }) => ({ workspace, id })),
    );
    const ofItem = `told.workspace = item.workspace and told.${column} = item.id and told.${column} <> ''`;
    return [
      `update identities known set first_time_unix_nano = told.first, last_time_unix_nano = told.last
       from ${items}, lateral (select min(first_time_unix_nano) as first, max(last_time_unix_nano) as last
         from trace_identities told where ${ofItem}) told
       where known.workspace = item.workspace and known.dimensions = ${dimensions} and known.id = item.id
         and told.first is not null`,
      `delete from identities known using ${items}
       where known.workspace = item.workspace and known.dimensions = ${dimensions} and known.id = item.id
         and not exists (select 1 from trace_identities told where ${ofItem})`,
    ];
  });
}
