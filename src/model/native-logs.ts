/** The rules of native logs: what their status is, and how lists of them are filtered. */
import type { LogBody } from './native.js';
import { isCarriedKey, LOG_FIELDS, nameOf } from './native-metadata.js';
import { LOG_ATTRIBUTES } from './native-names.js';

export interface LogStatus {
  status: 'ok' | 'error';
  errorCode: string | undefined;
}

const SERVER_ERROR = 500;

/** What the client says; else an error that its metadata tell of; else its HTTP status. */
export function logStatusOf({ status, error_code, http_status = 0, metadata }: LogBody): LogStatus {
  const isServerError = http_status >= SERVER_ERROR;
  const told = metadata?.error;
  return {
    status: status ?? (told || isServerError ? 'error' : 'ok'),
    errorCode: error_code ?? codeOf(told) ?? (isServerError ? String(http_status) : undefined),
  };
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' || typeof code === 'boolean' ? String(code) : undefined;
}

export type LogFilters = { [field in keyof typeof LOG_ATTRIBUTES]?: string | number | undefined } & {
  /** Top-level keys, and their values: strings, or the JSON text of other scalars. */
  metadata?: Readonly<Record<string, string>> | undefined;
};

const FIELD_NAMES = Object.keys(LOG_ATTRIBUTES) as (keyof typeof LOG_ATTRIBUTES)[];

/** For `ListQuery.attributes`. */
export function logFilters(filters: LogFilters): { key: string; value: string }[] {
  const fields = FIELD_NAMES.filter((name) => filters[name] !== undefined).map((name) => ({
    key: LOG_ATTRIBUTES[name],
    value: String(filters[name]),
  }));
  const metadata = Object.entries(filters.metadata ?? {}).map(([key, value]) => metadataFilter(key, value));
  return [...fields, ...metadata];
}

const SCALAR = /^(?:true|false|null|-?\d+(?:\.\d+)?)$/;

/** Values under such a key are JSON text, where what looks like a number is taken for one. */
function metadataFilter(key: string, value: string): { key: string; value: string } {
  if (isCarriedKey(key, LOG_FIELDS)) return { key, value };
  return { key: nameOf(key), value: SCALAR.test(value) ? value : JSON.stringify(value) };
}
