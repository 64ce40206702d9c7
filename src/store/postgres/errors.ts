import pg from 'pg';
import { GatewayError } from '../../errors.js';

/**
 * SQLSTATE classes in which the data is at fault (PostgreSQL, appendix A): data exceptions, constraint violations,
 * program limits such as a value too large. Every other failure (connection, shutdown, resources, a deadlock, a standby
 * that takes no writes, a missing privilege or table) says nothing about the data and may pass.
 */
const DATA_ERROR_CLASSES = new Set(['22', '23', '54']);
const QUERY_CANCELED = '57014';
const UNIQUE_VIOLATION = '23505';
const DEADLOCK_DETECTED = '40P01';

export function isDataError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && DATA_ERROR_CLASSES.has((error.code ?? '').slice(0, 2));
}

export function hasSqlState(error: unknown, state: string): boolean {
  return error instanceof pg.DatabaseError && error.code === state;
}

export function isUniqueViolation(error: unknown): boolean {
  return hasSqlState(error, UNIQUE_VIOLATION);
}

export function isDeadlock(error: unknown): boolean {
  return hasSqlState(error, DEADLOCK_DETECTED);
}

/** An error of pg as the gateway's: never with the connection string, which holds a password. */
export function fromPostgres(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const message = `Postgres: ${error instanceof Error ? describe(error) : String(error)}`;
  if (isUniqueViolation(error)) return new GatewayError('CONFLICT', message, { cause: error });
  if (isDataError(error)) return new GatewayError('INTERNAL_ERROR', message, { cause: error });
  if (isTimeout(error)) return new GatewayError('QUERY_TIMEOUT', message, { cause: error });
  return new GatewayError('STORE_UNAVAILABLE', message, { cause: error });
}

function isTimeout(error: unknown): boolean {
  return hasSqlState(error, QUERY_CANCELED) || (error instanceof Error && error.message === 'Query read timeout');
}

/** Node leaves the message of an AggregateError (every address of a host refused) empty. */
function describe(error: Error): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(String).join(', ');
  return error.message;
}

/** What pg rejects with, as the gateway's error. */
export async function translated<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw fromPostgres(error);
  }
}
