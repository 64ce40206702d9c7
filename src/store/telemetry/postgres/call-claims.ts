/**
 * Calls by the id of their response: the first sighting is counted, whichever gateway and trace it comes by. Two writers
 * with one id meet in the primary key: the second waits for the first, and then reads what that one left.
 */
import type pg from 'pg';
import { modelOf } from '../../../model/generation.js';
import { canCount, haveSameResponse } from '../sightings.js';
import type { GenerationRow } from './generation-rows.js';
import { rowsOf } from './statements.js';

/** Instrumentations of one process tell of a call within seconds; a gateway may be days behind. */
export const KEPT_MS = 3 * 24 * 3_600_000;
const MAX_SWEPT = 1_000;

interface SeenCall {
  model: string;
  trace: string;
  /** Of a log, its row: one that names a span is not that span. */
  span: string;
}

interface ClaimedResponse {
  key: string;
  workspace: string;
  responseId: string;
  received: number;
  calls: SeenCall[];
  /** Sightings that were counted, and go in this transaction: one that is revised comes back, and counts as it did. */
  released: SeenCall[];
  /** As they stand in the table. */
  stored: string;
}

function keyOf(workspace: string, responseId: string): string {
  return `${workspace}/${responseId}`;
}

function seen(row: GenerationRow): SeenCall {
  const span = row.source === 'log' ? `log ${row.rowId}` : row.spanId;
  return { model: modelOf(row.generation), trace: row.traceId, span };
}

export class CallClaims {
  private readonly responses = new Map<string, ClaimedResponse>();
  /** Of each call that is added the first sighting: traces are settled in another order than they came. */
  private readonly firsts = new Map<string, SeenCall[]>();

  constructor(added: readonly GenerationRow[], gone: readonly GenerationRow[]) {
    for (const row of added) {
      if (!row.generation.countable) continue;
      this.ask(row, [seen(row)]);
      if (canCount(row.generation)) this.noteFirst(row);
    }
    for (const row of gone) if (row.counted) this.ask(row, []);
  }

  private noteFirst(row: GenerationRow): void {
    const { responseId } = row.generation;
    if (responseId === '') return;
    const key = keyOf(row.workspace, responseId);
    const own = seen(row);
    const known = this.firsts.get(key);
    if (!known) this.firsts.set(key, [own]);
    else if (!known.some((call) => isSame(call, own, responseId))) known.push(own);
  }

  private ask(
    { workspace, generation: { responseId }, receivedTimeUnixMs: received }: GenerationRow,
    calls: SeenCall[],
  ) {
    const key = keyOf(workspace, responseId);
    if (responseId === '' || this.responses.has(key)) return;
    this.responses.set(key, {
      key,
      workspace,
      responseId,
      received,
      calls: [],
      released: [],
      stored: JSON.stringify(calls),
    });
  }

  /** In one order for everybody, so that none waits in a ring. */
  statements(): string[] {
    const rows = [...this.responses.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    if (rows.length === 0) return [];
    const columns = 'workspace text, "responseId" text, received bigint, stored text';
    const items = rows.map(({ workspace, responseId, received, stored }) => ({
      workspace,
      responseId,
      received,
      stored,
    }));
    return [
      `with asked as (
         insert into response_calls as known (received_time_unix_ms, workspace, response_id, calls)
         select received, workspace, "responseId", stored from ${rowsOf('item', columns, items)}
         on conflict (workspace, response_id) do update set workspace = excluded.workspace
         returning workspace, response_id, calls, received_time_unix_ms::text as received, xmax = 0 as fresh)
       select workspace, response_id, calls, received from asked where not fresh`,
    ];
  }

  /** Those that were there: of the others nobody has told before. */
  read(result: pg.QueryResult<Record<string, unknown>> | undefined): void {
    for (const { workspace, response_id: id, calls, received } of result?.rows ?? []) {
      const response = this.responses.get(keyOf(workspace as string, id as string))!;
      const isOld = Number(received) < response.received - KEPT_MS;
      response.calls = isOld ? [] : (JSON.parse(calls as string) as SeenCall[]);
      response.stored = calls as string;
    }
  }

  /** False when another sighting of the call is counted. */
  take(row: GenerationRow): boolean {
    const { workspace, generation } = row;
    const response = this.responses.get(keyOf(workspace, generation.responseId));
    if (!response) return true;
    const own = seen(row);
    const same = response.calls.filter((call) => isSame(call, own, generation.responseId));
    if (same.some((call) => !isOfOneSpan(call, own))) return false;
    if (same.length > 0) return true;
    const first = this.firsts.get(response.key)?.find((call) => isSame(call, own, generation.responseId));
    if (first && !isOfOneSpan(first, own) && !response.released.some((call) => isOfOneSpan(call, own))) return false;
    response.calls.push(own);
    return true;
  }

  release(row: GenerationRow): void {
    const response = this.responses.get(keyOf(row.workspace, row.generation.responseId));
    if (!response) return;
    const own = seen(row);
    response.calls = response.calls.filter((call) => !isOfOneSpan(call, own));
    response.released.push(own);
  }

  /** What is to stand in the table other than does. */
  changes(): string[] {
    const changed = [...this.responses.values()].filter(({ calls, stored }) => JSON.stringify(calls) !== stored);
    if (changed.length === 0) return [];
    const rows = changed.map(({ workspace, responseId, received, calls }) => ({
      workspace,
      responseId,
      received,
      calls: JSON.stringify(calls),
    }));
    return [
      `update response_calls known set calls = item.calls, received_time_unix_ms = item.received
       from ${rowsOf('item', 'workspace text, "responseId" text, received bigint, calls text', rows)}
       where known.workspace = item.workspace and known.response_id = item."responseId"`,
    ];
  }
}

function isOfOneSpan(a: SeenCall, b: SeenCall): boolean {
  return a.trace === b.trace && a.span === b.span;
}

function isSame(a: SeenCall, b: SeenCall, responseId: string): boolean {
  return haveSameResponse({ model: a.model, responseId }, { model: b.model, responseId });
}

/** Those that nothing is compared with any more; what others are at is passed by. True when there may be more. */
export async function sweepCalls(client: pg.ClientBase, nowUnixMs: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from response_calls where (workspace, response_id) in (
       select workspace, response_id from response_calls where received_time_unix_ms < $1
       order by received_time_unix_ms limit ${MAX_SWEPT} for update skip locked)`,
    [nowUnixMs - KEPT_MS],
  );
  return rowCount === MAX_SWEPT;
}
