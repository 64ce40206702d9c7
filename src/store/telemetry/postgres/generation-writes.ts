/** What a transaction writes of generations beside its spans and logs, and what it takes away with those that it replaces. */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { DecodedFrame, LogRecord } from '../../../model/telemetry.js';
import { CallClaims } from './call-claims.js';
import { copyInto } from './copy.js';
import { CopyRows } from './copy-rows.js';
import { GenerationChanges, NO_TRACE } from './generation-changes.js';
import {
  GENERATION_COLUMNS,
  type GenerationRow,
  rowIdOf,
  rowOf,
  rowOfLog,
  rowOfSpan,
  SELECTED,
  type SelectedRow,
  WITH_PRICE,
  writeGeneration,
} from './generation-rows.js';
import { findTraces, type HeldTrace, holdTraces, removeRows, statementsOf } from './generation-statements.js';
import { hexOf } from './native-ids.js';
import type { PendingWords } from './pending-words.js';
import { logItemTime } from './rows.js';
import type { Shared } from './shared-rows.js';
import { BY_INDEX, runTogether } from './statements.js';
import { signed } from './time.js';
import { writeWords } from './words.js';

interface Text {
  time: bigint;
  rowId: bigint;
  traceId: string;
  ofEvent: boolean;
  workspace: string;
  text: string;
}

/** What a batch brings. */
export interface BroughtGenerations {
  rows: GenerationRow[];
  texts: Text[];
}

/** A trace, all rows of which go, or those of spans that are revised. */
export interface GoneGenerations {
  workspace: string;
  /** Hex. */
  traceId: string;
  isGone(row: GenerationRow): boolean;
}

/** Where they are written. */
export interface GenerationTables {
  client: pg.ClientBase;
  shared: Shared;
  words: PendingWords;
}

export function broughtBy(frames: readonly DecodedFrame[]): BroughtGenerations {
  const brought: BroughtGenerations = { rows: [], texts: [] };
  for (const frame of frames) {
    addSpans(frame, brought);
    addLogs(frame, brought);
  }
  return brought;
}

function addSpans({ workspace, spans, receivedTimeUnixMs }: DecodedFrame, { rows, texts }: BroughtGenerations): void {
  for (const span of spans) {
    const { generation } = span;
    if (!generation) continue;
    const row = rowOfSpan(workspace, span, generation, receivedTimeUnixMs);
    rows.push(row);
    if (generation.searchText !== '') texts.push(textOf(row, generation.searchText));
  }
}

function addLogs({ workspace, logRecords, receivedTimeUnixMs }: DecodedFrame, brought: BroughtGenerations): void {
  for (const record of logRecords) {
    const { generation, searchText } = record;
    if (generation) {
      const rowId = randomBytes(8).readBigInt64BE();
      const row = rowOfLog(workspace, record, generation, receivedTimeUnixMs, rowId);
      brought.rows.push(row);
      if (generation.searchText !== '') brought.texts.push(textOf(row, generation.searchText));
    } else if (searchText && record.traceId && record.spanId) {
      brought.texts.push(
        textOfEvent(workspace, record, { traceId: record.traceId, spanId: record.spanId }, searchText),
      );
    }
  }
}

function textOf({ generation, rowId, traceId, workspace }: GenerationRow, text: string): Text {
  const time = generation.startTimeUnixNano;
  return { time, rowId, traceId: traceId || NO_TRACE, ofEvent: false, workspace, text };
}

function textOfEvent(
  workspace: string,
  record: LogRecord,
  of: { traceId: Uint8Array; spanId: Uint8Array },
  text: string,
): Text {
  const time = signed(logItemTime(record));
  return { time, rowId: rowIdOf(of), traceId: hexOf(of.traceId), ofEvent: true, workspace, text };
}

export interface AppliedGenerations {
  /** To end the transaction: until they run nothing is held but the traces and the ids of responses. */
  statements: string[];
  /** Rows that were taken away. */
  gone: readonly GenerationRow[];
}

/** Writes what is brought and takes what is gone, in the transaction that is open. */
export async function applyGenerations(
  { client, shared, words }: GenerationTables,
  brought: BroughtGenerations,
  gone: readonly GoneGenerations[],
): Promise<AppliedGenerations> {
  if (brought.rows.length === 0 && gone.length === 0) {
    await copyTexts(client, words, brought.texts);
    return { statements: [], gone: [] };
  }
  const work = new GenerationWork(client, brought.rows, gone);
  const changes = await work.settle();
  const inserted = new Set(changes.inserted.map(({ rowId }) => rowId));
  const removing = removeRows(changes.gone);
  if (removing.length > 0) await runTogether(client, [BY_INDEX, ...removing]);
  await copyRows(client, shared, changes.inserted);
  const texts = brought.texts.filter(({ ofEvent, rowId }) => ofEvent || inserted.has(rowId));
  await copyTexts(client, words, texts);
  return { statements: [BY_INDEX, ...statementsOf(changes, work.claims)], gone: changes.gone };
}

class GenerationWork {
  claims = new CallClaims([], []);
  private readonly added: ReadonlyMap<string, GenerationRow[]>;
  private losing: ReadonlySet<string> | undefined;

  constructor(
    private readonly client: pg.ClientBase,
    private readonly rows: readonly GenerationRow[],
    private readonly gone: readonly GoneGenerations[],
  ) {
    this.added = byTrace(rows.filter(({ traceId }) => traceId !== ''));
  }

  async settle(): Promise<GenerationChanges> {
    const held = await this.hold();
    const stored = byTrace(await this.readStored(held.filter(({ fresh }) => !fresh)));
    const leaving = this.leaving([...stored.values()].flat());
    this.claims = new CallClaims(this.rows, [...leaving]);
    const statements = this.claims.statements();
    if (statements.length > 0) this.claims.read((await runTogether(this.client, statements))[0]);
    const changes = new GenerationChanges(this.claims);
    for (const row of this.rows) if (row.traceId === '') changes.log(row);
    for (const { key, workspace, traceId } of held) {
      const there = stored.get(key) ?? [];
      const gone = new Set(there.filter((row) => leaving.has(row)));
      const isPart = there.length >= MAX_EARLIER_ROWS && !this.isLosing(key);
      changes.trace({ workspace, traceId, stored: there, isPart, gone, added: this.added.get(key) ?? [] });
    }
    return changes;
  }

  /** Those that rows are added to, and those that are to lose some, if they have any: in one order for everybody. */
  private async hold(): Promise<(HeldTrace & { fresh: boolean })[]> {
    const known = this.gone.length > 0 ? await this.knownOf(this.gone) : [];
    const all = new Map(known.map((trace) => [trace.key, trace]));
    for (const [key, rows] of this.added) all.set(key, spread(key, rows, all.get(key)));
    if (all.size === 0) return [];
    const [result] = await runTogether(this.client, [holdTraces([...all.values()])]);
    return result!.rows.map(heldOf);
  }

  private async knownOf(traces: readonly GoneGenerations[]): Promise<HeldTrace[]> {
    const distinct = new Map(
      traces.map(({ workspace, traceId }) => [`${workspace}/${traceId}`, { workspace, traceId }]),
    );
    const results = await runTogether(this.client, [BY_INDEX, findTraces([...distinct.values()])]);
    return results[1]!.rows.map(heldOf);
  }

  /** What goes has to be known to the last row. */
  private async readStored(traces: readonly HeldTrace[]): Promise<GenerationRow[]> {
    const losing = traces.filter(({ key }) => this.isLosing(key));
    const growing = traces.filter(({ key }) => !this.isLosing(key));
    return [...(await this.read(losing, readTraces)), ...(await this.read(growing, readEarlier))];
  }

  private isLosing(key: string): boolean {
    this.losing ??= new Set(this.gone.map(({ workspace, traceId }) => `${workspace}/${traceId}`));
    return this.losing.has(key);
  }

  private async read(
    traces: readonly HeldTrace[],
    sql: (traces: readonly HeldTrace[]) => string,
  ): Promise<GenerationRow[]> {
    if (traces.length === 0) return [];
    const results = await runTogether(this.client, [BY_INDEX, sql(traces)]);
    const wanted = new Set(traces.map(({ key }) => key));
    const rows = (results[1]!.rows as unknown as SelectedRow[]).map(rowOf);
    return rows.filter((row) => wanted.has(`${row.workspace}/${row.traceId}`));
  }

  private leaving(stored: readonly GenerationRow[]): Set<GenerationRow> {
    const byKey = new Map<string, GoneGenerations[]>();
    for (const gone of this.gone) {
      const key = `${gone.workspace}/${gone.traceId}`;
      const known = byKey.get(key);
      if (known) known.push(gone);
      else byKey.set(key, [gone]);
    }
    const isLeaving = (row: GenerationRow) =>
      byKey.get(`${row.workspace}/${row.traceId}`)?.some((gone) => gone.isGone(row)) ?? false;
    return new Set(stored.filter(isLeaving));
  }
}

function byTrace(rows: readonly GenerationRow[]): Map<string, GenerationRow[]> {
  const traces = new Map<string, GenerationRow[]>();
  for (const row of rows) {
    const key = `${row.workspace}/${row.traceId}`;
    const known = traces.get(key);
    if (known) known.push(row);
    else traces.set(key, [row]);
  }
  return traces;
}

function spread(key: string, rows: readonly GenerationRow[], known: HeldTrace | undefined): HeldTrace {
  const { workspace, traceId, generation } = rows[0]!;
  let { first, last } = known ?? { first: generation.startTimeUnixNano, last: generation.startTimeUnixNano };
  for (const {
    generation: { startTimeUnixNano: time },
  } of rows) {
    if (time < first) first = time;
    if (time > last) last = time;
  }
  return { key, workspace, traceId, first, last };
}

function heldOf(row: Record<string, unknown>): HeldTrace & { fresh: boolean } {
  return {
    key: `${row.workspace}/${row.trace_id}`,
    workspace: row.workspace as string,
    traceId: row.trace_id as string,
    first: BigInt(row.first as string),
    last: BigInt(row.last as string),
    fresh: row.fresh as boolean,
  };
}

/**
 * So many rows of a trace are compared with what comes to it: those that say whose it is, and the latest. A trace of tens of
 * thousands of calls would otherwise be read anew with every batch.
 */
const MAX_EARLIER_ROWS = 1_000;

function readEarlier(traces: readonly HeldTrace[]): string {
  const tells = '(own_session_id is not null or own_user_id is not null)';
  return `select * from (
      select found.*, row_number() over (partition by workspace, trace_id order by ${tells} desc, start_time_unix_nano desc) as place
      from (${readTraces(traces)}) found) placed
    where place <= ${MAX_EARLIER_ROWS} order by start_time_unix_nano, row_id`;
}

/** Of all workspaces with such a trace: whoever asks picks its own. */
function readTraces(traces: readonly HeldTrace[]): string {
  let { first, last } = traces[0]!;
  for (const trace of traces) {
    if (trace.first < first) first = trace.first;
    if (trace.last > last) last = trace.last;
  }
  const ids = [...new Set(traces.map(({ traceId }) => traceId))].join(',');
  return `select ${SELECTED} from generations item ${WITH_PRICE} where item.trace_id = any('{${ids}}'::uuid[])
    and item.start_time_unix_nano between '${first}'::bigint and '${last}'::bigint order by item.start_time_unix_nano, item.row_id`;
}

const ROWS_PER_STEP = 64;

async function copyRows(client: pg.ClientBase, shared: Shared, rows: readonly GenerationRow[]): Promise<void> {
  if (rows.length === 0) return;
  const statement = `copy generations (${GENERATION_COLUMNS}) from stdin (format binary)`;
  await copyInto(client, statement, (copied) => encodeRows(copied, shared, rows), new CopyRows());
}

function* encodeRows(copied: CopyRows, shared: Shared, rows: readonly GenerationRow[]): Generator<void> {
  for (const [at, row] of rows.entries()) {
    const { cost } = row.generation;
    writeGeneration(copied, row, cost && shared.prices.idOf(row.workspace, cost.price));
    if (at % ROWS_PER_STEP === 0) yield;
  }
}

async function copyTexts(client: pg.ClientBase, words: PendingWords, texts: readonly Text[]): Promise<void> {
  if (texts.length === 0) return;
  const statement = `copy generation_texts (time_unix_nano, row_id, trace_id, of_event, workspace, words)
    from stdin (format binary)`;
  await copyInto(client, statement, (copied) => encodeTexts(copied, words, texts), new CopyRows());
}

const TEXT_FIELDS = 6;

function* encodeTexts(copied: CopyRows, pending: PendingWords, texts: readonly Text[]): Generator<void> {
  for (const [at, { time, rowId, traceId, ofEvent, workspace, text }] of texts.entries()) {
    copied.row(TEXT_FIELDS);
    copied.bigint(time);
    copied.bigint(rowId);
    copied.bytes(Buffer.from(traceId, 'hex'));
    copied.boolean(ofEvent);
    copied.utf8(workspace);
    pending.add(writeWords(copied, text));
    if (at % ROWS_PER_STEP === 0) yield;
  }
}
