/**
 * A writer: one connection, on which batches and deletions take turns. A connection that fails in any way is given up; the
 * next write makes another, and the ledger tells whether a COMMIT whose answer was lost has happened.
 */
import pg from 'pg';
import type { Cost } from '../../../model/generation.js';
import type { DecodedFrame } from '../../../model/telemetry.js';
import { fromPostgres, isDataError } from '../../postgres/errors.js';
import type { RepriceResult, RepriceStep, StoredGeneration } from '../generations.js';
import type { TelemetryBatch, TelemetryWriter, TraceDeletion, WriteResult, WriterOptions } from '../telemetry.js';
import { apply, type Session } from './apply.js';
import { sweepCalls } from './call-claims.js';
import { EncodingError } from './copy.js';
import { deleteTraces } from './deletions.js';
import { sweepKeys } from './idempotency.js';
import { hexOf } from './native-ids.js';
import { Partitions } from './partitions.js';
import { PendingWords } from './pending-words.js';
import { QuietTraces } from './quiet-traces.js';
import { reprice } from './reprice.js';
import { RollupTable } from './rollup-table.js';
import { createShared } from './shared-rows.js';
import { Successors } from './successors.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of a batch takes that long on a server that is well; one that isn't must not hold the batch for ever. */
const STATEMENT_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 70_000;

const SWEEP_INTERVAL_MS = 60_000;

type WriterAddress = Pick<Extract<WriterOptions, { engine: 'postgres' }>, 'connectionString' | 'writer'>;

/** Connects: rejects with STORE_UNAVAILABLE when the server can't be reached. */
export async function openPostgresWriter(options: WriterAddress): Promise<TelemetryWriter> {
  const words = new PendingWords(() => connectTo(options, `promptmetrics words ${options.writer}`));
  const connect = () => openSession(options, words);
  return new PostgresWriter(await connect(), connect, words);
}

class PostgresWriter implements TelemetryWriter {
  private turn: Promise<unknown> = Promise.resolve();
  private nextSweepTimeUnixMs = 0;

  constructor(
    private session: Session | undefined,
    private readonly connect: () => Promise<Session>,
    private readonly words: PendingWords,
  ) {}

  write(batch: TelemetryBatch): Promise<WriteResult> {
    return this.inTurn(async (session) => {
      const result = await apply(session, batch);
      await this.sweep(session, batch.frames);
      await this.words.settle();
      return result;
    });
  }

  deleteTraces(deletions: readonly TraceDeletion[]): Promise<void> {
    return this.inTurn(async (session) => {
      const { client } = session;
      forget(session, deletions);
      const successors = new Successors(deletions);
      await successors.count(client);
      successors.lose(await deleteTraces(session, deletions));
      if (successors.areNeeded) await successors.count(client);
    });
  }

  /** Without a connection nothing is remembered. */
  async forgetTraces(deletions: readonly TraceDeletion[]): Promise<void> {
    await this.turn;
    if (this.session) forget(this.session, deletions);
  }

  reprice(step: RepriceStep, priceOf: (generation: StoredGeneration) => Cost | undefined): Promise<RepriceResult> {
    return this.inTurn(async (session) => {
      const result = await reprice(session, step, priceOf);
      await session.rollups.settle(session.client);
      return result;
    });
  }

  async close(): Promise<void> {
    await this.turn;
    const session = this.session;
    this.session = undefined;
    this.words.close();
    await session?.client.end();
  }

  private inTurn<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const result = this.turn.then(() => this.run(work));
    this.turn = result.catch(() => {});
    return result;
  }

  private async run<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    this.session ??= await this.connect();
    try {
      return await work(this.session);
    } catch (error) {
      if (!isDataError(error) || !(await rollback(this.session))) this.abandon();
      throw error instanceof EncodingError ? error : fromPostgres(error);
    }
  }

  /** By the clock of the frames, as keys are kept by it, and never by one that runs ahead. */
  private async sweep({ client }: Session, frames: readonly DecodedFrame[]): Promise<void> {
    const receivedTimeUnixMs = frames.find(keepsSomething)?.receivedTimeUnixMs;
    if (receivedTimeUnixMs === undefined || Date.now() < this.nextSweepTimeUnixMs) return;
    const now = Math.min(receivedTimeUnixMs, Date.now());
    const keys = await sweepKeys(client, now).catch(() => false);
    const calls = await sweepCalls(client, now).catch(() => false);
    const more = keys || calls;
    this.nextSweepTimeUnixMs = more ? 0 : Date.now() + SWEEP_INTERVAL_MS;
  }

  private abandon(): void {
    const session = this.session;
    this.session = undefined;
    // In the middle of a statement pg doesn't wait for the server, but cuts the connection.
    void session?.client.end().catch(() => {});
  }
}

function forget({ quiet }: Session, deletions: readonly TraceDeletion[]): void {
  for (const { workspace, traceId } of deletions) quiet.forget({ workspace, traceId: hexOf(traceId) });
}

/** That is swept later: an idempotency key, or the id of a response. */
function keepsSomething({ native, spans, logRecords }: DecodedFrame): boolean {
  return (
    native?.idempotency !== undefined || spans[0]?.generation !== undefined || logRecords[0]?.generation !== undefined
  );
}

async function connectTo({ connectionString }: WriterAddress, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: name,
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
  return client;
}

async function openSession(options: WriterAddress, words: PendingWords): Promise<Session> {
  const client = await connectTo(options, `promptmetrics writer ${options.writer}`);
  return sessionOver(client, { writer: options.writer, words });
}

/** That knows nothing yet of what is in the tables. */
export function sessionOver(client: pg.Client, known: Pick<Session, 'writer' | 'words'>): Session {
  return {
    client,
    ...known,
    shared: createShared(),
    partitions: new Partitions(),
    hasStaging: false,
    quiet: new QuietTraces(),
    rollups: new RollupTable(),
  };
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
