/**
 * A Kysely dialect whose database lives in another thread. Transactions, and writes outside of them, take turns on one
 * connection and never interleave; reads outside a transaction use the second connection and wait for nobody.
 */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { TaskPool } from '../../../component.js';
import { GatewayError } from '../../../errors.js';
import { Turns } from '../turns.js';
import type { Failure, Operation, Place, Reply, Rows } from './messages.js';

const MAX_WAIT_MS = 10_000;

export interface SqliteOptions {
  file: string;
  thread: TaskPool;
  maxWaitMs?: number;
}

export function createSqliteDialect(options: SqliteOptions): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ThreadDriver(options),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

type Send = (operation: Operation, place: Place, query?: CompiledQuery) => Promise<Rows>;

class ThreadConnection implements DatabaseConnection {
  inTransaction = false;

  constructor(
    private readonly send: Send,
    private readonly turns: Turns,
  ) {}

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, changes } = await this.run(query);
    return {
      rows: rows as Row[],
      ...(changes === undefined ? {} : { numAffectedRows: BigInt(changes) }),
    };
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator; rows come in one message.
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('The control database does not stream');
  }

  private run(query: CompiledQuery): Promise<Rows> {
    if (this.inTransaction) return this.send('execute', 'transaction', query);
    if (query.query.kind === 'SelectQueryNode') return this.send('execute', 'read', query);
    return this.inTurn(() => this.send('execute', 'write', query));
  }

  private async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.turns.take();
    try {
      return await work();
    } finally {
      this.turns.give();
    }
  }

  async begin(): Promise<void> {
    await this.turns.take();
    try {
      await this.send('begin', 'transaction');
      this.inTransaction = true;
    } catch (error) {
      this.turns.give();
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.send('commit', 'transaction');
    this.end();
  }

  /** When it doesn't get through, the next to take its turn rolls back what it finds open. */
  async rollback(): Promise<void> {
    await this.send('rollback', 'transaction').catch(() => {});
    this.end();
  }

  private end(): void {
    this.inTransaction = false;
    this.turns.give();
  }
}

class ThreadDriver implements Driver {
  private readonly turns: Turns;

  constructor(private readonly options: SqliteOptions) {
    this.turns = new Turns(options.maxWaitMs ?? MAX_WAIT_MS);
  }

  async init(): Promise<void> {
    await this.send('open', 'read');
  }
  async acquireConnection(): Promise<DatabaseConnection> {
    return new ThreadConnection((operation, place, query) => this.send(operation, place, query), this.turns);
  }
  beginTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as ThreadConnection).begin();
  }
  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as ThreadConnection).commit();
  }
  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as ThreadConnection).rollback();
  }
  async releaseConnection(): Promise<void> {}
  async destroy(): Promise<void> {
    await this.send('close', 'read');
  }

  private async send(operation: Operation, place: Place, query?: CompiledQuery): Promise<Rows> {
    const { file, thread } = this.options;
    const statement = { file, place, sql: query?.sql ?? '', parameters: query?.parameters ?? [] };
    const reply = await thread.run<Reply>(operation, statement);
    if ('failure' in reply) throw errorOf(reply.failure, file);
    return reply;
  }
}

const UNUSABLE =
  /^(SQLITE_(CANTOPEN|NOTADB|CORRUPT|READONLY|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENAMETOOLONG)/;

function errorOf({ code, message }: Failure['failure'], file: string): GatewayError {
  const cause = Object.assign(new Error(message), { code });
  const told = `${file}: ${message}`;
  if (/^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)/.test(code)) return new GatewayError('CONFLICT', told, { cause });
  if (/^(SQLITE_BUSY|SQLITE_LOCKED|TRANSACTION_LOST)/.test(code)) {
    return new GatewayError('STORE_UNAVAILABLE', told, { cause });
  }
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return new GatewayError('DISK_FULL', told, { cause });
  if (/^(SQLITE_IOERR|EIO)/.test(code)) return new GatewayError('DISK_FAILED', told, { cause });
  if (UNUSABLE.test(code)) return new GatewayError('DATA_DIR_UNUSABLE', told, { cause });
  return new GatewayError('INTERNAL_ERROR', told, { cause });
}
