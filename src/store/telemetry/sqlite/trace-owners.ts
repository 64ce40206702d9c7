/**
 * Whose the rows of a trace are, in one block: what was told there, and how rows that say nothing themselves are given a session
 * or a user that another span told, in this block or in another one.
 */
import path from 'node:path';
import type Database from 'better-sqlite3';
import { GenerationChanges } from './generation-changes.js';
import { INHERITED_SESSION, INHERITED_USER, OF_TRACE, ROWS_OF_TRACE, SESSION, USER } from './generation-rows.js';
import { IdentityNumbers } from './numbered.js';
import { GENERATION_VERSION, SCHEMA_VERSION } from './schema.js';
import { openForDeleting } from './trace-deletion.js';

/** A session, or a user. */
export interface Owner {
  /** '' while nobody has said. */
  name: string;
  /** It is the word of the root, or one that rows of the trace were given; of others it may be its own alone. */
  isSure: boolean;
}

export interface Owners {
  session: Owner;
  user: Owner;
}

export const UNOWNED: Owner = { name: '', isSure: false };

/** The first, unless the other is surer. */
export function surer<Told extends Owner>(one: Told, other: Told): Told {
  if (one.name === '') return other;
  return other.name !== '' && other.isSure && !one.isSure ? other : one;
}

/** What the rows of a trace are given; '' for nothing. */
export interface Gift {
  workspace: string;
  traceId: Uint8Array;
  session: string;
  user: string;
}

/** The rows of a trace; of its spans those before `first`, which is 0 where it has none. */
export interface RowsOfTrace {
  traceId: Uint8Array;
  workspaceId: number;
  first: number;
}

export const ALL_ROWS = Number.MAX_SAFE_INTEGER;

/** Asks whose the trace is by its rows. */
export function prepareOwners(db: Database.Database): (rows: RowsOfTrace) => Owners {
  const owner = (column: string, bit: number) => {
    const isSure = `(x.inherited & ${bit} OR span.parent_span_id IS NULL)`;
    const statement = db.prepare(
      `SELECT i.name, ${isSure} AS isSure FROM ${ROWS_OF_TRACE} JOIN identities i ON i.id = x.${column}
          JOIN spans span ON span.id = x.id WHERE ${OF_TRACE} ORDER BY x.inherited & ${bit} DESC, isSure DESC, x.id LIMIT 1`,
    );
    return (rows: RowsOfTrace): Owner => {
      const row = statement.get(rows) as { name: string; isSure: number } | undefined;
      return row ? { name: row.name, isSure: row.isSure !== 0 } : UNOWNED;
    };
  };
  const [session, user] = [owner('session_id', INHERITED_SESSION), owner('user_id', INHERITED_USER)];
  return (rows) => ({ session: session(rows), user: user(rows) });
}

export class TraceOwners {
  private readonly ofSession;
  private readonly ofUser;
  /** Where there are none, no trace is asked for its own. */
  private hasLogs: boolean;

  constructor(
    db: Database.Database,
    private readonly changes: GenerationChanges,
    private readonly numbers: { sessions: IdentityNumbers; users: IdentityNumbers },
  ) {
    this.ofSession = prepareRows(db, 'session_id', INHERITED_SESSION);
    this.ofUser = prepareRows(db, 'user_id', INHERITED_USER);
    this.hasLogs = db.prepare('SELECT 1 FROM generations WHERE id < 0 LIMIT 1').get() !== undefined;
  }

  /** Call it when generations of native logs are added. */
  expectLogs(): void {
    this.hasLogs = true;
  }

  /** To spans and native logs of the trace that say nothing of the kind themselves; '' takes what they were given. */
  give(rows: RowsOfTrace, type: typeof SESSION | typeof USER, name: string): void {
    const statements = type === SESSION ? this.ofSession : this.ofUser;
    const { traceId, workspaceId, first } = rows;
    const asked = { traceId, workspaceId, type, name };
    const spans = first === 0 ? [] : (statements.spans.all({ ...asked, first }) as bigint[]);
    const logs = this.hasLogs ? (statements.logs.all(asked) as bigint[]) : [];
    const ids = [...spans, ...logs];
    if (ids.length === 0) return;
    const numbers = type === SESSION ? this.numbers.sessions : this.numbers.users;
    const identityId = name === '' ? null : numbers.idOf(workspaceId, name);
    for (const id of ids) this.changes.change(id, () => statements.give.run({ identityId, id }));
  }
}

function prepareRows(db: Database.Database, column: string, bit: number) {
  const bigints = (sql: string) => db.prepare(sql).safeIntegers(true).pluck();
  const isAnothers = `(x.${column} IS NULL OR x.inherited & ${bit}) AND x.${column} IS NOT
    coalesce((SELECT id FROM identities WHERE workspace_id = @workspaceId AND type = @type AND name = @name), 0)`;
  return {
    spans: bigints(`SELECT x.id FROM ${ROWS_OF_TRACE} WHERE ${OF_TRACE} AND ${isAnothers}`),
    logs: bigints(
      `SELECT x.id FROM log_records l INDEXED BY log_records_by_trace CROSS JOIN generations x ON x.id = -l.id
        WHERE l.trace_id = @traceId AND l.workspace_id = @workspaceId AND ${isAnothers}`,
    ),
    // Nobody's name is nothing that a row inherits.
    give: db.prepare(
      `UPDATE generations SET ${column} = @identityId,
        inherited = (inherited & ~${bit}) | iif(@identityId IS NULL, 0, ${bit}) WHERE id = @id`,
    ),
  };
}

/** In a block that somebody else writes, or nobody any more. What is '' is left as it is. */
export function giveInBlock(directory: string, file: string, traces: readonly Gift[]): void {
  const db = openForDeleting(path.join(directory, file));
  try {
    const version = Number(db.prepare('SELECT schema_version FROM block').pluck().get());
    if (version >= GENERATION_VERSION && version <= SCHEMA_VERSION) giveAll(db, traces);
  } finally {
    db.close();
  }
}

function giveAll(db: Database.Database, traces: readonly Gift[]): void {
  const changes = new GenerationChanges(db);
  const numbers = { sessions: new IdentityNumbers(db, SESSION), users: new IdentityNumbers(db, USER) };
  const owners = new TraceOwners(db, changes, numbers);
  const find = db.prepare('SELECT id FROM workspaces WHERE name = ?').pluck();
  db.transaction(() => {
    for (const { workspace, traceId, session, user } of traces) {
      const rows = { traceId, workspaceId: Number(find.get(workspace) ?? -1), first: ALL_ROWS };
      if (session !== '') owners.give(rows, SESSION, session);
      if (user !== '') owners.give(rows, USER, user);
    }
    changes.flush();
  }).immediate();
}
