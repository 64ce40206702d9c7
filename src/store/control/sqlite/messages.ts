/** What crosses between the dialect on the main thread and the thread that has the database open: plain data. */

/**
 * `read`: on the read-only connection, which sees what is committed. `write`: a statement of its own.
 * `transaction`: a statement inside the open transaction.
 */
export type Place = 'read' | 'write' | 'transaction';

export interface Statement {
  file: string;
  place: Place;
  sql: string;
  parameters: readonly unknown[];
}

export interface Rows {
  rows: unknown[];
  /** Rows that were changed; undefined for a statement that answers rows. */
  changes?: number;
}

/** Errors are data: structured cloning keeps nothing of an error but its message. */
export interface Failure {
  failure: { code: string; message: string };
}

export type Reply = Rows | Failure;

/** `version` answers one row, a number that is another one whenever another process has committed something. */
export type Operation = 'open' | 'begin' | 'commit' | 'rollback' | 'execute' | 'version' | 'close';
