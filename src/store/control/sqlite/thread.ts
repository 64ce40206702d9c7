/**
 * The thread's side of the SQLite control database: it has the file open twice. One connection writes, the other reads
 * a snapshot (WAL), so that nobody sees a transaction that is not committed, nor waits for it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Failure, Operation, Reply, Rows, Statement } from './messages.js';

const BUSY_TIMEOUT_MS = 10_000;
const MAX_STATEMENTS = 500;

class Connection {
  private readonly statements = new Map<string, Database.Statement>();

  constructor(readonly database: Database.Database) {}

  execute({ sql, parameters }: Statement): Rows {
    const statement = this.prepare(sql);
    if (statement.reader) return { rows: statement.all(parameters) };
    return { rows: [], changes: statement.run(parameters).changes };
  }

  private prepare(sql: string): Database.Statement {
    const known = this.statements.get(sql);
    if (known) return known;
    if (this.statements.size >= MAX_STATEMENTS) this.statements.clear();
    const statement = this.database.prepare(sql);
    this.statements.set(sql, statement);
    return statement;
  }
}

interface OpenFile {
  writer: Connection;
  reader: Connection;
}

const files = new Map<string, OpenFile>();

function openWriter(file: string): Database.Database {
  mkdirSync(path.dirname(file), { recursive: true });
  const database = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  database.pragma('journal_mode = WAL');
  // Control data is small and rarely written: every commit is on the disk before it is answered.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  return database;
}

/** Opened by the first use, and again by the thread that follows one that died. */
function opened(file: string): OpenFile {
  const known = files.get(file);
  if (known) return known;
  const writer = openWriter(file);
  try {
    const reader = new Database(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    const open = { writer: new Connection(writer), reader: new Connection(reader) };
    files.set(file, open);
    return open;
  } catch (error) {
    writer.close();
    throw error;
  }
}

function execute(statement: Statement): Rows {
  const { writer, reader } = opened(statement.file);
  if (statement.place === 'read') return reader.execute(statement);
  if (statement.place === 'write') rollbackLeftover(writer.database);
  else if (!writer.database.inTransaction) throw transactionLost();
  return writer.execute(statement);
}

/** The main thread lets one transaction in at a time: what is open when the next begins lost its end on the way. */
function rollbackLeftover(database: Database.Database): void {
  if (database.inTransaction) database.exec('rollback');
}

/** The thread died and was made again in mid-transaction, or SQLite rolled back by itself, as it does on a full disk. */
function transactionLost(): Error {
  return Object.assign(new Error('the transaction is gone'), { code: 'TRANSACTION_LOST' });
}

function begin(file: string): void {
  const { database } = opened(file).writer;
  rollbackLeftover(database);
  database.exec('begin immediate');
}

function commit(file: string): void {
  const { database } = opened(file).writer;
  if (!database.inTransaction) throw transactionLost();
  database.exec('commit');
}

function rollback(file: string): void {
  rollbackLeftover(opened(file).writer.database);
}

function close(file: string): void {
  const open = files.get(file);
  files.delete(file);
  open?.reader.database.close();
  open?.writer.database.close();
}

/** Commits of this connection don't count: of the writer's, those of other processes are what is left. */
function versionOf(file: string): Rows {
  return { rows: [opened(file).writer.database.pragma('data_version', { simple: true })] };
}

const NO_ROWS: Rows = { rows: [] };

function perform(operation: Operation, statement: Statement): Rows {
  if (operation === 'execute') return execute(statement);
  if (operation === 'version') return versionOf(statement.file);
  if (operation === 'open') opened(statement.file);
  else if (operation === 'begin') begin(statement.file);
  else if (operation === 'commit') commit(statement.file);
  else if (operation === 'rollback') rollback(statement.file);
  else close(statement.file);
  return NO_ROWS;
}

function failureOf(error: unknown): Failure {
  const { code, message } = error as NodeJS.ErrnoException;
  return { failure: { code: code ?? '', message: message ?? String(error) } };
}

export function runControlOperation(operation: Operation, statement: Statement): Reply {
  try {
    return perform(operation, statement);
  } catch (error) {
    return failureOf(error);
  }
}
