/** The telemetry half of the store on Postgres: day partitions, filled by COPY, read over a pool. */
import { telemetryPostgresMigrations } from '../../../../migrations/telemetry-postgres/series.js';
import { GatewayError } from '../../../errors.js';
import { within } from '../../deadline.js';
import { migratePostgres } from '../../postgres/migrate.js';
import { createPool, type PostgresOptions } from '../../postgres/pool.js';
import { PAGE_BUDGET_MS } from '../budgets.js';
import type { GenerationReader } from '../generations.js';
import type { TelemetryStore } from '../telemetry.js';
import { getGeneration, listGenerations } from './generation-list.js';
import { getSession, getUser, listSessions, listSessionTraces, listUsers } from './identities.js';
import { listLogs, listMetricPoints } from './items.js';
import { forgetBefore, readApplied } from './ledger.js';
import { type Queries, queriesOver } from './queries.js';
import { listSpans } from './span-list.js';
import { storedBytes } from './stored-bytes.js';
import { getSpan, getTrace, listTraces } from './traces.js';
import { readUsage } from './usage.js';

export interface PostgresTelemetryOptions extends PostgresOptions {
  /** How long a list may look for its page; PAGE_BUDGET_MS when absent. */
  pageBudgetMs?: number;
}

export function createPostgresTelemetry(options: PostgresTelemetryOptions): TelemetryStore & GenerationReader {
  const pool = createPool({ ...options, int8: 'bigint', json: 'text' });
  const queries = queriesOver(pool);
  const lists = { queries, pageBudgetMs: options.pageBudgetMs ?? PAGE_BUDGET_MS };
  let ending: Promise<void> | undefined;
  return {
    name: 'store/telemetry',
    async start() {
      await checkServer(queries);
      await migratePostgres(options.connectionString, telemetryPostgresMigrations);
    },
    shutdown({ deadlineMs }) {
      ending ??= pool.end();
      return within(deadlineMs, ending);
    },
    writerOptions: (writer) => ({ engine: 'postgres', connectionString: options.connectionString, writer }),
    appliedRanges: (bufferId, from) =>
      readApplied(queries.rows, bufferId, { first: from, last: Number.MAX_SAFE_INTEGER }),
    forgetApplied: (bufferId, before) => forgetBefore(queries.rows, bufferId, before),
    async ping() {
      await queries.rows('select 1');
    },
    listTraces: (wanted) => listTraces(lists, wanted),
    getTrace: (workspace, traceId) => getTrace(queries, workspace, traceId),
    getSpan: (workspace, traceId, spanId) => getSpan(queries, workspace, traceId, spanId),
    listSpans: (wanted) => listSpans(lists, wanted),
    storedBytes: (workspace) => storedBytes(queries, workspace),
    listLogs: (wanted) => listLogs(lists, wanted),
    listMetricPoints: (wanted) => listMetricPoints(lists, wanted),
    listGenerations: (wanted) => listGenerations(lists, wanted),
    getGeneration: (workspace, place) => getGeneration(queries, workspace, place),
    listSessions: (wanted) => listSessions(lists, wanted),
    getSession: (workspace, id) => getSession(queries, workspace, id),
    listSessionTraces: (workspace, id, limit) => listSessionTraces(queries, workspace, id, limit),
    listUsers: (wanted) => listUsers(lists, wanted),
    getUser: (workspace, id) => getUser(queries, workspace, id),
    readUsage: (wanted) => readUsage(queries, wanted),
  };
}

const OLDEST_VERSION = 150_000;

async function checkServer(queries: Queries): Promise<void> {
  const [server] = await queries.rows<{ version: number; encoding: string }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding`,
  );
  if (server!.version < OLDEST_VERSION)
    throw new GatewayError('CONFIG_INVALID', 'DATABASE_URL: Postgres 15 or later is needed');
  if (server!.encoding !== 'UTF8') {
    throw new GatewayError(
      'CONFIG_INVALID',
      `DATABASE_URL: the database has encoding ${server!.encoding}, UTF8 is needed`,
    );
  }
}
