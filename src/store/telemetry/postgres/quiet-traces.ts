/**
 * Spans that say only whose their trace is, and traces of nothing else: any web request with a user's id is one. They leave
 * rows where their trace calls a model; until it does they are remembered, and cost a look for such calls.
 */
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import type { Span } from '../../../model/telemetry.js';
import { isRoot, tellerAmong } from './generation-changes.js';
import { type GenerationRow, rowIdOf } from './generation-rows.js';
import { findTraces } from './generation-statements.js';
import { hexOf } from './native-ids.js';
import { BY_INDEX, runTogether } from './statements.js';

/** Traces at a time. One that is forgotten (a restart does it, too) leaves the calls that follow with what they say themselves. */
const MAX_TRACES = 5_000;
type Rows = Map<bigint, GenerationRow>;

/** Of one writer: what another one was told of a trace it does not know. */
export class QuietTraces {
  private readonly remembered = new LRUCache<string, Rows>({ max: MAX_TRACES });
  private taken: string[] = [];

  /** What of a batch is to be written, with what was remembered of the traces that now have calls. */
  async rowsToWrite(client: pg.ClientBase, rows: readonly GenerationRow[]): Promise<GenerationRow[]> {
    this.taken = [];
    const traces = byTrace(rows);
    const quiet = [...traces].filter(([key, ofTrace]) => key !== '' && ofTrace.every(isQuiet));
    if (quiet.length === 0 && this.remembered.size === 0) return [...rows];
    const called = await this.calledBefore(client, quiet);
    const silent = new Set(quiet.map(([key]) => key).filter((key) => !called.has(key)));
    for (const key of silent) this.remember(key, traces.get(key)!);
    return [...traces].flatMap(([key, ofTrace]) => (silent.has(key) ? [] : [...this.take(key), ...ofTrace]));
  }

  /** The transaction is committed: what was taken from memory is in the tables now. */
  written(): void {
    for (const key of this.taken) this.remembered.delete(key);
    this.taken = [];
  }

  /** The trace was deleted. */
  forget({ workspace, traceId }: { workspace: string; traceId: string }): void {
    this.remembered.delete(`${workspace}/${traceId}`);
  }

  /** It is revised: what it said before counts no longer. */
  forgetSpan(workspace: string, span: Pick<Span, 'traceId' | 'spanId'>): void {
    this.remembered.get(`${workspace}/${hexOf(span.traceId)}`)?.delete(rowIdOf(span));
  }

  private async calledBefore(
    client: pg.ClientBase,
    quiet: readonly (readonly [string, readonly GenerationRow[]])[],
  ): Promise<Set<string>> {
    if (quiet.length === 0) return new Set();
    const found = await runTogether(client, [BY_INDEX, findTraces(quiet.map(([, rows]) => rows[0]!))]);
    return new Set(found[1]!.rows.map(({ workspace, trace_id: traceId }) => `${workspace}/${traceId}`));
  }

  private remember(key: string, rows: readonly GenerationRow[]): void {
    const known: Rows = new Map(this.remembered.get(key));
    for (const row of rows) known.set(row.rowId, row);
    this.remembered.set(key, tellersAmong([...known.values()]));
  }

  private take(key: string): GenerationRow[] {
    const known = this.remembered.get(key);
    if (!known) return [];
    this.taken.push(key);
    return [...known.values()];
  }
}

/** Of roots, and of other spans, those that say whose the trace is: more rows would say nothing new. */
function tellersAmong(rows: readonly GenerationRow[]): Rows {
  const tellers: Rows = new Map();
  for (const some of [rows.filter(isRoot), rows.filter((row) => !isRoot(row))]) {
    for (const field of ['sessionId', 'userId'] as const) {
      const teller = tellerAmong(some, field);
      if (teller) tellers.set(teller.rowId, teller);
    }
  }
  return tellers;
}

function isQuiet({ generation }: GenerationRow): boolean {
  return generation.kind === 'span';
}

/** Logs that name no trace stand under ''. */
function byTrace(rows: readonly GenerationRow[]): Map<string, GenerationRow[]> {
  const traces = new Map<string, GenerationRow[]>();
  for (const row of rows) {
    const key = row.traceId === '' ? '' : `${row.workspace}/${row.traceId}`;
    const known = traces.get(key);
    if (known) known.push(row);
    else traces.set(key, [row]);
  }
  return traces;
}
