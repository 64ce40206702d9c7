/** The telemetry half in SQLite, as the main thread sees it: every read runs in a worker thread. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SequenceRange, TaskPool } from '../../../component.js';
import { GatewayError } from '../../../errors.js';
import type { Page } from '../../page.js';
import { MAX_ANSWER_CHARS } from '../contents.js';
import type {
  GenerationQuery,
  GenerationReader,
  SessionQuery,
  SessionSummary,
  StoredGeneration,
  UsageQuery,
  UsageRow,
  UserQuery,
  UserSummary,
} from '../generations.js';
import {
  type LogQuery,
  MAX_TRACE_SPANS,
  type MetricQuery,
  type SpanQuery,
  type StoredLogRecord,
  type StoredMetricPoint,
  type StoredSpan,
  type StoredTrace,
  type TelemetryStore,
  type TraceQuery,
  type TraceSummary,
} from '../telemetry.js';
import type { PointAnswer, ReadAnswer, ReadOperation, ReadTask } from './messages.js';
import { toStoredSpans } from './plain-spans.js';
import { PointReads } from './point-reads.js';
import { inPieces, inTraceOrder, type TraceAnswer } from './span-places.js';

export interface SqliteTelemetryEvents {
  /** A block file can't be read and is left out of every answer: told once for each file. */
  blockUnreadable(block: { path: string; reason: string }): void;
}

export const nopSqliteTelemetryEvents: SqliteTelemetryEvents = { blockUnreadable() {} };

export interface SqliteTelemetryOptions {
  /** Holds the block files; created when it is missing. */
  directory: string;
  /** Threads of the entry `sqlite-reader`. Whoever made the pool starts and ends it. */
  pool: TaskPool;
  events?: SqliteTelemetryEvents;
  /** Spans, log records and metric points together. */
  blockMaxSpans?: number;
  blockMaxBytes?: number;
  /** How long a list may look for its page; PAGE_BUDGET_MS when absent. */
  pageBudgetMs?: number;
}

/** Where the writer's rate is still that of an empty block, and a file is handy to drop or to copy. */
const BLOCK_MAX_SPANS = 4_000_000;
const BLOCK_MAX_BYTES = 2 * 2 ** 30;

export function createSqliteTelemetry(options: SqliteTelemetryOptions): TelemetryStore & GenerationReader {
  const { pool, events = nopSqliteTelemetryEvents } = options;
  const directory = path.resolve(options.directory);
  const reported = new Set<string>();

  const report = ({ unreadable }: ReadAnswer): void => {
    for (const { file, reason } of unreadable) {
      if (reported.has(file)) continue;
      reported.add(file);
      events.blockUnreadable({ path: path.join(directory, file), reason });
    }
  };
  const read = async <Result>(operation: ReadOperation, query: unknown): Promise<Result> => {
    const task: ReadTask = { directory, pageBudgetMs: options.pageBudgetMs, query };
    const answer = await pool.run<ReadAnswer>(operation, task);
    report(answer);
    if ('failure' in answer) throw new GatewayError(answer.failure.code, answer.failure.message);
    return answer.value as Result;
  };

  const points = new PointReads({ send: (reads) => read<PointAnswer[]>('readPoints', reads) });

  /** A message of many spans would hold the event loop while it is read: they come in several. */
  const getTrace = async (workspace: string, traceId: Uint8Array): Promise<StoredTrace | undefined> => {
    const answer = await points.run<TraceAnswer | undefined>({ operation: 'getTrace', workspace, traceId });
    if (!answer) return undefined;
    const { summary } = answer;
    if ('plain' in answer) {
      return { summary, spans: inTraceOrder(answer.plain.flatMap((plain) => toStoredSpans(traceId, plain))) };
    }
    const { places, spans } = answer;
    const [, ...others] = inPieces(places, MAX_TRACE_SPANS);
    for (const piece of others) {
      const room = MAX_ANSWER_CHARS - textCharsOf(spans);
      spans.push(...(await read<StoredSpan[]>('spansAt', { ...piece, room })));
    }
    const truncated = places.ids.length > MAX_TRACE_SPANS;
    return { summary, spans, ...(truncated && { truncated }) };
  };

  return {
    name: 'store/telemetry/sqlite',
    start: () => openDirectory(directory),
    async shutdown() {},
    writerOptions: (writer) => ({
      engine: 'sqlite',
      directory,
      writer,
      blockMaxSpans: options.blockMaxSpans ?? BLOCK_MAX_SPANS,
      blockMaxBytes: options.blockMaxBytes ?? BLOCK_MAX_BYTES,
    }),
    listTraces: (query: TraceQuery) => read<Page<TraceSummary>>('listTraces', query),
    listLogs: (query: LogQuery) => read<Page<StoredLogRecord>>('listLogs', query),
    listMetricPoints: (query: MetricQuery) => read<Page<StoredMetricPoint>>('listMetricPoints', query),
    getTrace,
    getSpan: (workspace, traceId, spanId) =>
      points.run<StoredSpan | undefined>({ operation: 'getSpan', workspace, traceId, spanId }),
    listSpans: (query: SpanQuery) => read<Page<StoredSpan> | undefined>('listSpans', query),
    listGenerations: (query: GenerationQuery) => read<Page<StoredGeneration>>('listGenerations', query),
    getGeneration: (workspace, place) => read<StoredGeneration | undefined>('getGeneration', { workspace, place }),
    listSessions: (query: SessionQuery) => read<Page<SessionSummary>>('listSessions', query),
    getSession: (workspace, id) => read<SessionSummary | undefined>('getSession', { workspace, id }),
    listSessionTraces: (workspace, id, limit) => read<string[]>('listSessionTraces', { workspace, id, limit }),
    listUsers: (query: UserQuery) => read<Page<UserSummary>>('listUsers', query),
    getUser: (workspace, id) => read<UserSummary | undefined>('getUser', { workspace, id }),
    readUsage: (query: UsageQuery) => read<UsageRow[]>('readUsage', query),
    storedBytes: (workspace) => read<number>('storedBytes', { workspace }),
    appliedRanges: (bufferId, from) => read<SequenceRange[]>('appliedRanges', { bufferId, from }),
    // Ranges that follow each other are one row, frames that brought nothing new are few: they go with their block.
    async forgetApplied() {},
    ping: () => read<void>('ping', undefined),
  };
}

function textCharsOf(spans: readonly StoredSpan[]): number {
  return spans.reduce((sum, { attributes, events }) => sum + attributes.length + events.length, 0);
}

/** Writes a file to know that files can be written: permissions alone don't tell of a read-only or full disk. */
async function openDirectory(directory: string): Promise<void> {
  const probe = path.join(directory, `.writable-${randomUUID()}`);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(probe, '', { flag: 'wx' });
    await rm(probe);
  } catch (error) {
    const { message } = error as Error;
    throw new GatewayError('DATA_DIR_UNUSABLE', `${directory} cannot hold the telemetry blocks: ${message}`, {
      cause: error,
    });
  }
}
