/**
 * Spans that say only whose their trace is, and traces of nothing else: any web request with a user's id is one. They leave
 * rows where their trace calls a model; until it does they are remembered, and cost a look for such calls.
 */
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import type { GenerationRow } from './generation-rows.js';
import { findTraces } from './generation-statements.js';
import { BY_INDEX, runTogether } from './statements.js';

/** Traces at a time. One that is forgotten (a restart does it, too) leaves the calls that follow with what they say themselves. */
const MAX_TRACES = 5_000;
/** A trace is whose its root says, and else whose the first of its spans says: more rows would say nothing new. */
const MAX_ROWS_PER_TRACE = 2;
/** A trace has one; one that has not keeps its bound. */
const MAX_ROOTS = 4;

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

  private async calledBefore(
    client: pg.ClientBase,
    quiet: readonly (readonly [string, readonly GenerationRow[]])[],
  ): Promise<Set<string>> {
    if (quiet.length === 0) return new Set();
    const found = await runTogether(client, [BY_INDEX, findTraces(quiet.map(([, rows]) => rows[0]!))]);
    return new Set(found[1]!.rows.map(({ workspace, trace_id: traceId }) => `${workspace}/${traceId}`));
  }

  private remember(key: string, rows: readonly GenerationRow[]): void {
    const known: Rows = this.remembered.get(key) ?? new Map();
    for (const row of rows) {
      if (known.size < (row.parentSpanId === '' ? MAX_ROOTS : MAX_ROWS_PER_TRACE)) known.set(row.rowId, row);
    }
    this.remembered.set(key, known);
  }

  private take(key: string): GenerationRow[] {
    const known = this.remembered.get(key);
    if (!known) return [];
    this.taken.push(key);
    return [...known.values()];
  }
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
