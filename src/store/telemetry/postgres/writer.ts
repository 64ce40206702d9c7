/**
 * Writes batches over one connection: the ledger's row first, then COPY, all in one transaction. A batch with spans that
 * are there already goes through a staging table instead, alone. A connection that fails in any way is given up; the next
 * write makes another, and the ledger tells whether a COMMIT whose answer was lost has happened.
 */
import pg from 'pg';
import { GatewayError } from '../../../errors.js';
import { fromPostgres, isDataError, isUniqueViolation } from '../../postgres/errors.js';
import { includes } from '../ranges.js';
import type { TelemetryBatch, TelemetryWriter, WriteResult, WriterOptions } from '../telemetry.js';
import {
  encodeLogRecords,
  encodeMetricPoints,
  encodeSpans,
  encodeTraceBatches,
  type Survey,
  survey,
  type Work,
} from './batch.js';
import { copyInto, EncodingError, encoding } from './copy.js';
import { CopyRows } from './copy-rows.js';
import { beginApplying, gaps, isAppliedAlready, readApplied } from './ledger.js';
import { Partitions } from './partitions.js';
import { COLUMNS, type CopiedTable } from './rows.js';
import { createShared, type Shared, storeShared, trimShared } from './shared-rows.js';
import { insertStaged, STAGED_SPANS } from './staging.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of a batch takes that long on a server that is well; one that isn't must not hold the batch for ever. */
const STATEMENT_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 70_000;

/** A connection, and what is known to stand on its server. */
interface Session {
  client: pg.Client;
  shared: Shared;
  partitions: Partitions;
  hasStaging: boolean;
}

/** Connects: rejects with STORE_UNAVAILABLE when the server can't be reached. */
export async function openPostgresWriter(
  options: Pick<Extract<WriterOptions, { engine: 'postgres' }>, 'connectionString' | 'writer'>,
): Promise<TelemetryWriter> {
  const connect = () => openSession(options.connectionString, `promptmetrics writer ${options.writer}`);
  return new PostgresWriter(await connect(), connect);
}

class PostgresWriter implements TelemetryWriter {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private session: Session | undefined,
    private readonly connect: () => Promise<Session>,
  ) {}

  write(batch: TelemetryBatch): Promise<WriteResult> {
    const result = this.turn.then(() => this.writeInTurn(batch));
    this.turn = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.turn;
    const session = this.session;
    this.session = undefined;
    await session?.client.end();
  }

  private async writeInTurn(batch: TelemetryBatch): Promise<WriteResult> {
    this.session ??= await this.connect();
    try {
      return await apply(this.session, batch);
    } catch (error) {
      if (!isDataError(error) || !(await rollback(this.session))) this.abandon();
      throw error instanceof EncodingError ? error : fromPostgres(error);
    }
  }

  private abandon(): void {
    const session = this.session;
    this.session = undefined;
    // In the middle of a statement pg doesn't wait for the server, but cuts the connection.
    void session?.client.end().catch(() => {});
  }
}

async function openSession(connectionString: string, applicationName: string): Promise<Session> {
  const client = new pg.Client({
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    // A gateway that vanished without a word must not hold its ranges for ever.
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
  });
  // The next statement on it fails; without a listener the error would end the thread.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(() => {});
    throw fromPostgres(error);
  }
  return { client, shared: createShared(), partitions: new Partitions(), hasStaging: false };
}

/** False when the connection is of no use any more. Fresh shared rows may be what failed: they are forgotten. */
async function rollback(session: Session): Promise<boolean> {
  session.shared = createShared();
  try {
    await session.client.query('rollback');
    return true;
  } catch {
    return false;
  }
}

/** How often ranges may turn out to be applied by others meanwhile, before it is left to the next try. */
const MAX_TRIES = 5;

async function apply(session: Session, batch: TelemetryBatch): Promise<WriteResult> {
  let work: Work = { bufferId: batch.bufferId, ranges: [batch.range], frames: batch.frames };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = await store(session, work);
    if (result) return result;
    work = await remaining(session, batch);
    if (work.ranges.length === 0) return { spans: 0, duplicateSpans: 0, logRecords: 0, metricPoints: 0, outcomes: [] };
  }
  throw new GatewayError('STORE_UNAVAILABLE', `Others keep applying parts of ${JSON.stringify(batch.range)}`);
}

async function remaining({ client }: Session, { bufferId, range, frames }: TelemetryBatch): Promise<Work> {
  const query = async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query(sql, [...values])).rows as Row[];
  const ranges = gaps(range, await readApplied(query, bufferId, range));
  return { bufferId, ranges, frames: frames.filter((frame) => includes(ranges, frame.sequence)) };
}

/** undefined, with nothing written, when some of the ranges are applied already. */
async function store(session: Session, work: Work): Promise<WriteResult | undefined> {
  const found = encoding(() => survey(work.frames, session.shared));
  await prepare(session, found);
  if (!(await begin(session, work))) return undefined;
  try {
    await copySpans(session, work, 'spans');
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    await session.client.query('rollback');
    return await storeStaged(session, work, found);
  }
  return await finish(session, work, found, found.spans);
}

/** The slower way, for a batch in which a client resends spans. */
async function storeStaged(session: Session, work: Work, found: Survey): Promise<WriteResult | undefined> {
  await ensureStaging(session);
  if (!(await begin(session, work))) return undefined;
  await copySpans(session, work, STAGED_SPANS);
  const inserted = await insertStaged(session.client, work.frames);
  return await finish(session, work, { ...found, traces: inserted.traces }, inserted.spans);
}

/** Whatever other writers may want to make at the same time, before this transaction holds anything. */
async function prepare({ client, shared, partitions }: Session, found: Survey): Promise<void> {
  await storeShared(client, shared);
  await partitions.ensure(client, 'spans', found.spanDays.days);
  await partitions.ensure(client, 'logRecords', found.logDays.days);
  await partitions.ensure(client, 'metricPoints', found.pointDays.days);
}

async function begin({ client }: Session, { bufferId, ranges }: Work): Promise<boolean> {
  try {
    await beginApplying(client, bufferId, ranges);
    return true;
  } catch (error) {
    if (!isAppliedAlready(error)) throw error;
    await client.query('rollback');
    return false;
  }
}

async function finish(session: Session, work: Work, found: Survey, insertedSpans: number): Promise<WriteResult> {
  const { client, shared } = session;
  const { frames } = work;
  if (insertedSpans > 0) await copy(client, 'trace_batches', (rows) => encodeTraceBatches(rows, found.traces.all()));
  if (found.logRecords > 0) await copy(client, 'log_records', (rows) => encodeLogRecords(rows, frames, shared));
  if (found.metricPoints > 0) await copy(client, 'metric_points', (rows) => encodeMetricPoints(rows, frames, shared));
  const { command } = await client.query('commit');
  // The answer to the COMMIT of a failed transaction is no error, but ROLLBACK.
  if (command !== 'COMMIT') throw new GatewayError('STORE_UNAVAILABLE', 'Postgres rolled the transaction back');
  trimShared(shared);
  return {
    spans: insertedSpans,
    duplicateSpans: found.spans - insertedSpans,
    logRecords: found.logRecords,
    metricPoints: found.metricPoints,
    outcomes: [],
  };
}

async function copySpans(
  { client, shared }: Session,
  { frames }: Work,
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
