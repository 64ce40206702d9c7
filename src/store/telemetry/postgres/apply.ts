/**
 * A batch in one transaction: the ledger's row first, then what is new of the native frames, then COPY, then what is to be
 * known of the batch later, with the COMMIT. One with spans that came by OTLP before goes through a staging table, alone.
 */
import type pg from 'pg';
import type { FrameOutcome } from '../../../component.js';
import { GatewayError } from '../../../errors.js';
import type { DecodedFrame } from '../../../model/telemetry.js';
import { isDeadlock, isUniqueViolation } from '../../postgres/errors.js';
import { includes } from '../ranges.js';
import type { TelemetryBatch, WriteResult } from '../telemetry.js';
import {
  encodeLogRecords,
  encodeMetricPoints,
  encodeSpans,
  encodeTraceBatches,
  type Survey,
  survey,
  type Work,
} from './batch.js';
import { Claims, lockTraces } from './claims.js';
import {
  areHeld,
  type BatchContents,
  ContentPlaces,
  contentsOf,
  dropUnplaced,
  holdContents,
  retirePlaces,
  storeContents,
} from './contents.js';
import { copyInto, encoding } from './copy.js';
import { CopyRows } from './copy-rows.js';
import { applyGenerations, type BroughtGenerations, broughtBy, type GoneGenerations } from './generation-writes.js';
import { keepKeys, partsWithoutRepeatedKeys, repeatedFrames, takeKeys } from './idempotency.js';
import { beginApplying, gaps, isAppliedAlready, noteUnwritten, readApplied, readUnwritten } from './ledger.js';
import { hexOf, isNative, type NativeFrame, traceKey } from './native-ids.js';
import type { Partitions } from './partitions.js';
import type { PendingWords } from './pending-words.js';
import type { Queries } from './queries.js';
import type { QuietTraces } from './quiet-traces.js';
import { withoutOutdated } from './remembered-rows.js';
import {
  correctTraces,
  listDeclared,
  moveClaims,
  type Replaced,
  removeRevised,
  sumUpAnew,
  type TraceName,
} from './revisions.js';
import type { RollupTable } from './rollup-table.js';
import { COLUMNS, type CopiedTable } from './rows.js';
import { type Revision, type Settled, settle, unsettled } from './settle.js';
import { type Shared, storeShared, trimShared } from './shared-rows.js';
import { type InsertedSpans, insertStaged, OvertakenError, STAGED_SPANS } from './staging.js';
import { runTogether } from './statements.js';
import { addBytes } from './stored-bytes.js';

/** A connection, and what is known to stand on its server. */
export interface Session {
  client: pg.Client;
  writer: number;
  shared: Shared;
  partitions: Partitions;
  hasStaging: boolean;
  quiet: QuietTraces;
  words: PendingWords;
  rollups: RollupTable;
}

/** How often ranges may turn out to be applied by others meanwhile, before it is left to the next try. */
const MAX_TRIES = 5;

const NOTHING: WriteResult = { spans: 0, duplicateSpans: 0, logRecords: 0, metricPoints: 0, outcomes: [] };

export async function apply(session: Session, batch: TelemetryBatch): Promise<WriteResult> {
  let total = NOTHING;
  for (const part of partsWithoutRepeatedKeys(batch)) total = sum(total, await applyPart(session, part));
  return total;
}

function sum(a: WriteResult, b: WriteResult): WriteResult {
  return {
    spans: a.spans + b.spans,
    duplicateSpans: a.duplicateSpans + b.duplicateSpans,
    logRecords: a.logRecords + b.logRecords,
    metricPoints: a.metricPoints + b.metricPoints,
    outcomes: [...a.outcomes, ...b.outcomes],
  };
}

async function applyPart(session: Session, batch: TelemetryBatch): Promise<WriteResult> {
  let work: Work = { bufferId: batch.bufferId, ranges: [batch.range], frames: batch.frames };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = work.ranges.length === 0 ? NOTHING : await store(session, work);
    if (result) return { ...result, outcomes: await completeOutcomes(session, batch, result.outcomes) };
    work = await remaining(session, batch);
  }
  throw new GatewayError(
    'STORE_UNAVAILABLE',
    `Others keep applying or deleting parts of ${JSON.stringify(batch.range)}`,
  );
}

function queryOver(client: pg.Client): Queries['rows'] {
  return async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query(sql, [...values])).rows as Row[];
}

async function remaining({ client }: Session, { bufferId, range, frames }: TelemetryBatch): Promise<Work> {
  const ranges = gaps(range, await readApplied(queryOver(client), bufferId, range));
  return { bufferId, ranges, frames: frames.filter((frame) => includes(ranges, frame.sequence)) };
}

/** Beside those of the frames that were written now, those of the frames that were applied before. */
async function completeOutcomes(
  { client }: Session,
  { bufferId, range, frames }: TelemetryBatch,
  outcomes: readonly FrameOutcome[],
): Promise<FrameOutcome[]> {
  const native = frames.filter(isNative);
  if (native.length === outcomes.length) return [...outcomes];
  const unwritten = await readUnwritten(queryOver(client), bufferId, range);
  const told = new Map(outcomes.map((outcome) => [outcome.sequence, outcome]));
  const before = (sequence: number) => ({
    sequence,
    written: !unwritten.has(sequence),
    knownTraces: [],
    knownSpans: [],
  });
  return native.map(({ sequence }) => told.get(sequence) ?? before(sequence));
}

/** undefined, with nothing written, when some of the ranges are applied already, or others came in between. */
async function store(session: Session, work: Work): Promise<WriteResult | undefined> {
  const found = encoding(() => survey(work.frames, session.shared));
  const contents = contentsOf(work.frames);
  await prepare(session, found, contents);
  const result = await storePrepared(session, work, { found, contents }).catch((error) => giveWay(session, error));
  if (!result) await dropUnplaced(session.client, contents, new ContentPlaces());
  return result;
}

/**
 * Of transactions that wait for each other in a ring, as when clients send the same spans to several gateways in other
 * orders, Postgres refuses one. It begins again when the others have ended: nothing is wrong with the server.
 */
async function giveWay({ client }: Session, error: unknown): Promise<undefined> {
  if (!isDeadlock(error) && !(error instanceof OvertakenError)) throw error;
  await client.query('rollback');
  return undefined;
}

async function storePrepared(
  session: Session,
  work: Work,
  { found, contents }: { found: Survey; contents: BatchContents },
): Promise<WriteResult | undefined> {
  const settled = await begin(session, work, contents);
  if (!settled) return undefined;
  const replaced = await removeRevised(session.client, settled.revisions);
  try {
    await copySpans(session, settled.frames, 'spans');
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    await session.client.query('rollback');
    return await storeStaged(session, work, contents, tellsOfGenerations(found));
  }
  const { spans, traces } = settled.frames === work.frames ? found : survey(settled.frames, session.shared);
  const inserted = { spans, traces, frames: settled.frames };
  return await finish(session, work, settled, { replaced, inserted, contents, tells: tellsOfGenerations(found) });
}

/** The slower way, for a batch in which a client resends spans. */
async function storeStaged(
  session: Session,
  work: Work,
  contents: BatchContents,
  tells: boolean,
): Promise<WriteResult | undefined> {
  await ensureStaging(session);
  const settled = await begin(session, work, contents);
  if (!settled) return undefined;
  const replaced = await removeRevised(session.client, settled.revisions);
  await copySpans(session, settled.frames, STAGED_SPANS);
  const inserted = await insertStaged(session.client, settled.frames);
  return await finish(session, work, settled, { replaced, inserted, contents, tells });
}

/** Whatever other writers may want to make at the same time, before this transaction holds anything. */
async function prepare({ client, shared, partitions }: Session, found: Survey, contents: BatchContents): Promise<void> {
  await storeShared(client, shared);
  await partitions.ensure(client, 'spans', found.spanDays.days);
  await partitions.ensure(client, 'logRecords', found.logDays.days);
  await partitions.ensure(client, 'metricPoints', found.pointDays.days);
  await partitions.ensure(client, 'generations', found.generationDays.days);
  await partitions.ensure(client, 'texts', found.textDays.days);
  await partitions.ensure(client, 'contents', contents.days.days);
  await storeContents(client, contents);
}

/**
 * Begins the transaction, and finds out what of the native frames is new: one round trip, and a second one when they have
 * idempotency keys, since a request that is a repetition claims nothing.
 */
async function begin(
  { client }: Session,
  { bufferId, ranges, frames }: Work,
  contents: BatchContents,
): Promise<Settled | undefined> {
  const native = frames.filter(isNative);
  const keys = takeKeys(frames);
  const claims = keys.length === 0 ? new Claims(native) : undefined;
  const opening = [...beginApplying(bufferId, ranges), ...holdContents(contents), ...lockRevised(native)];
  const results = await runApplying(client, [...opening, ...keys, ...(claims?.statements() ?? [])]);
  if (!results) return undefined;
  if (!areHeld(contents, results)) {
    await client.query('rollback');
    return undefined;
  }
  if (native.length === 0) return unsettled(frames);
  const answers = results.slice(opening.length);
  if (claims) return settle(frames, claims.known(answers), new Map());
  return await beginKeyed(client, frames, repeatedFrames(frames, answers));
}

async function beginKeyed(
  client: pg.Client,
  frames: readonly DecodedFrame[],
  repeated: ReadonlyMap<number, FrameOutcome>,
): Promise<Settled> {
  const claims = new Claims(frames.filter(isNative).filter(({ sequence }) => !repeated.has(sequence)));
  const statements = claims.statements();
  return settle(frames, claims.known(statements.length > 0 ? await runTogether(client, statements) : []), repeated);
}

function lockRevised(frames: readonly NativeFrame[]): string[] {
  const revised = frames.filter(({ native }) => native.revises).flatMap(({ spans }) => spans);
  return revised.length > 0 ? [lockTraces(revised.map(({ traceId }) => traceId))] : [];
}

/** undefined when the ledger says that some of the frames are applied. */
async function runApplying(
  client: pg.Client,
  statements: readonly string[],
): Promise<Awaited<ReturnType<typeof runTogether>> | undefined> {
  try {
    return await runTogether(client, statements);
  } catch (error) {
    if (!isAppliedAlready(error)) throw error;
    await client.query('rollback');
    return undefined;
  }
}

function tellsOfGenerations({ generationDays, textDays }: Survey): boolean {
  return generationDays.days.size + textDays.days.size > 0;
}

/** What became of the batch's spans. */
interface SpansWritten {
  replaced: Replaced;
  inserted: InsertedSpans;
  contents: BatchContents;
  /** Something of the batch tells of calls to models. */
  tells: boolean;
}

async function finish(
  session: Session,
  work: Work,
  settled: Settled,
  { replaced, inserted, contents, tells }: SpansWritten,
): Promise<WriteResult> {
  const { client, shared } = session;
  const { frames } = settled;
  const anew = correctTraces(inserted.traces, replaced, shared);
  const logRecords = countOf(frames, 'logRecords');
  const metricPoints = countOf(frames, 'metricPoints');
  const { traces } = inserted;
  const places = new ContentPlaces();
  places.addSpans(inserted.frames);
  if (traces.size > 0) await copy(client, 'trace_batches', (rows) => encodeTraceBatches(rows, traces.all()));
  if (logRecords > 0) await copy(client, 'log_records', (rows) => encodeLogRecords(rows, frames, shared, places));
  if (metricPoints > 0) await copy(client, 'metric_points', (rows) => encodeMetricPoints(rows, frames, shared));
  const ofGenerations = await writeGenerations(session, inserted.frames, replaced, tells);
  const ofContents = [...retirePlaces(replaced), ...places.statements()];
  const ending = [...sumUp(settled, replaced, anew), ...note(session, work, settled), ...ofContents, ...ofGenerations];
  const results = await commit(session, ending);
  session.quiet.written();
  session.rollups.note(results);
  await session.rollups.settle(client);
  await dropUnplaced(client, contents, places);
  trimShared(shared);
  const duplicateSpans = countOf(frames, 'spans') - inserted.spans + settled.knownSpans;
  return { spans: inserted.spans, duplicateSpans, logRecords, metricPoints, outcomes: settled.outcomes };
}

function countOf(frames: readonly DecodedFrame[], records: 'spans' | 'logRecords' | 'metricPoints'): number {
  return frames.reduce((sum, frame) => sum + frame[records].length, 0);
}

/** What the trace list needs beside the rows of the batch's spans. */
function sumUp({ declared }: Settled, replaced: Replaced, anew: readonly TraceName[]): string[] {
  const summed = new Set(anew.map(({ workspace, traceId }) => traceKey(workspace, traceId)));
  return [...sumUpAnew(anew), ...listDeclared(declared.filter(({ key }) => !summed.has(key))), ...moveClaims(replaced)];
}

/** What is to be known of these frames later. */
function note({ writer }: Session, { bufferId, frames }: Work, settled: Settled): string[] {
  const unwritten = new Set(settled.outcomes.filter(({ written }) => !written).map(({ sequence }) => sequence));
  const written = frames.filter(({ sequence }) => !unwritten.has(sequence));
  return [
    ...keepKeys(frames, settled.outcomes),
    ...noteUnwritten(bufferId, [...unwritten]),
    ...addBytes(`${bufferId}/${writer}`, written),
  ];
}

const NO_GENERATIONS: BroughtGenerations = { rows: [], texts: [] };

/** Nothing, for a batch that tells of none and revises no span. */
async function writeGenerations(
  session: Session,
  frames: readonly DecodedFrame[],
  replaced: Replaced,
  tells: boolean,
): Promise<string[]> {
  const { client, quiet } = session;
  const gone = goneWith(replaced.filter(({ old }) => old.length > 0).map(({ revision }) => revision));
  if (!tells && gone.length === 0) return [];
  const brought = tells ? broughtBy(frames) : NO_GENERATIONS;
  for (const { revision } of replaced) quiet.forgetSpan(revision.workspace, revision.span);
  const rows = await withoutOutdated(client, await quiet.rowsToWrite(client, brought.rows), brought.rows);
  return (await applyGenerations(session, { ...brought, rows }, gone)).statements;
}

/** One for each trace: a batch may revise thousands of spans of one. */
function goneWith(revisions: readonly Revision[]): GoneGenerations[] {
  const traces = new Map<string, { workspace: string; traceId: string; spanIds: Set<string> }>();
  for (const { workspace, span } of revisions) {
    const traceId = hexOf(span.traceId);
    const key = `${workspace}/${traceId}`;
    const trace = traces.get(key) ?? { workspace, traceId, spanIds: new Set() };
    traces.set(key, trace);
    trace.spanIds.add(hexOf(span.spanId));
  }
  return [...traces.values()].map(({ workspace, traceId, spanIds }) => ({
    workspace,
    traceId,
    isGone: (row) => row.source === 'span' && spanIds.has(row.spanId),
  }));
}

type Results = Awaited<ReturnType<typeof runTogether>>;

async function commit({ client }: Session, statements: readonly string[]): Promise<Results> {
  const results = await runTogether(client, [...statements, 'commit']);
  // The answer to the COMMIT of a failed transaction is no error, but ROLLBACK.
  if (results.at(-1)!.command !== 'COMMIT') {
    throw new GatewayError('STORE_UNAVAILABLE', 'Postgres rolled the transaction back');
  }
  return results;
}

async function copySpans(
  { client, shared }: Session,
  frames: readonly DecodedFrame[],
  into: 'spans' | typeof STAGED_SPANS,
): Promise<void> {
  if (frames.every((frame) => frame.spans.length === 0)) return;
  await copy(client, 'spans', (rows) => encodeSpans(rows, frames, shared), into);
}

async function copy(
  client: pg.Client,
  table: CopiedTable,
  encode: (rows: CopyRows) => Iterator<void>,
  into: string = table,
): Promise<void> {
  await copyInto(client, `copy ${into} (${COLUMNS[table]}) from stdin (format binary)`, encode, new CopyRows());
}

async function ensureStaging(session: Session): Promise<void> {
  if (session.hasStaging) return;
  await session.client.query(`create temporary table ${STAGED_SPANS} (like spans) on commit delete rows`);
  session.hasStaging = true;
}
