import pg from 'pg';

export interface PostgresOptions {
  connectionString: string;
  poolSize: number;
  /** The server cancels what takes longer; undefined: nothing is waited for too long. */
  queryTimeoutMs: number | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
/** How much longer than the server this side waits for a server that is gone without a word. */
const ANSWER_GRACE_MS = 5_000;
const INT8 = 20;
const JSON_TEXT = 114;

/** int8 as a number, which every count and millisecond fits; beyond 2^53 − 1 it fails rather than round. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${text} is not a safe integer: select it as text or ask for bigint`);
  return value;
}

export interface PostgresTypes {
  int8: 'number' | 'bigint';
  /** `text` leaves JSON as it is stored, with every digit. */
  json: 'value' | 'text';
}

function typesOf({ int8, json }: PostgresTypes): pg.CustomTypesConfig {
  const parsers = new Map<number, (text: string) => unknown>([[INT8, int8 === 'bigint' ? BigInt : parseInt8]]);
  if (json === 'text') parsers.set(JSON_TEXT, (text) => text);
  const getTypeParser = (oid: number, format?: 'text') => parsers.get(oid) ?? pg.types.getTypeParser(oid, format);
  return { getTypeParser: getTypeParser as pg.CustomTypesConfig['getTypeParser'] };
}

function timeouts(queryTimeoutMs: number | undefined): pg.PoolConfig {
  if (queryTimeoutMs === undefined) return {};
  return { statement_timeout: queryTimeoutMs, query_timeout: queryTimeoutMs + ANSWER_GRACE_MS };
}

/** Makes no connection yet. */
export function createPool(options: PostgresOptions & PostgresTypes): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    ...timeouts(options.queryTimeoutMs),
    keepAlive: true,
    application_name: 'promptmetrics',
    types: typesOf(options),
  });
  // Without listeners a connection that breaks would end the process: one that is idle is replaced by the next query, and
  // one that is lent out fails its statement, or its borrower's next.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}
