/**
 * The sums of a block: what its generations add to rollups, sessions and users, and what is taken from them when a generation
 * goes, or changes. Changes are added up in memory, and written in one go: in the transaction of the rows that they are of.
 */
import type Database from 'better-sqlite3';
import { RollupBatch, SUM_COLUMNS, Tally } from '../rollups.js';
import { type Share, sumColumn } from './generation-rows.js';
import { RollupTable } from './rollup-table.js';

const NO_TRACE = Buffer.alloc(0);

interface IdentityChange {
  id: number;
  column: 'session_id' | 'user_id';
  generations: number;
  first: bigint | undefined;
  last: bigint | undefined;
  /** Something was taken away: its times are found anew. */
  shrank: boolean;
  tally: Tally;
}

interface MembershipChange {
  sessionId: number;
  userId: number;
  traceId: Uint8Array;
  generations: number;
}

type SumValues = (bigint | string)[];

export class GenerationLedger {
  private readonly statements;
  private readonly table: RollupTable;
  private rollups = new RollupBatch();
  private readonly identities = new Map<number, IdentityChange>();
  private readonly memberships = new Map<string, MembershipChange>();
  /** The spans of a trace come one after another: a name is made for the first of them. */
  private latestMembership: MembershipChange | undefined;

  constructor(db: Database.Database) {
    this.statements = prepareStatements(db);
    this.table = new RollupTable(db);
  }

  /** `sign` −1: the row is gone, or is about to be added in another form. */
  add(share: Share, sign: 1 | -1): void {
    if (share.call) this.rollups.add(share.call, sign);
    if (share.sessionId !== null) this.addTo(share.sessionId, 'session_id', share, sign);
    if (share.userId !== null) this.addTo(share.userId, 'user_id', share, sign);
    if (share.sessionId !== null || share.userId !== null) this.addMembership(share, sign);
  }

  /** Call it within the transaction, after the rows of generations are as they shall be. */
  flush(): void {
    this.table.add(this.rollups.changes());
    for (const change of this.identities.values()) this.writeIdentity(change);
    for (const change of this.memberships.values()) this.writeMembership(change);
    this.forgetChanges();
  }

  /** Call it within a transaction, when no batch will follow. */
  fold(): void {
    this.table.fold();
  }

  /** After a rollback. */
  clear(): void {
    this.table.forget();
    this.forgetChanges();
  }

  private forgetChanges(): void {
    this.rollups = new RollupBatch();
    this.identities.clear();
    this.memberships.clear();
    this.latestMembership = undefined;
  }

  private addTo(id: number, column: IdentityChange['column'], { startTime, call }: Share, sign: 1 | -1): void {
    const change = this.identityChange(id, column);
    change.generations += sign;
    if (call) change.tally.add(call, sign);
    if (sign < 0) change.shrank = true;
    else {
      if (change.first === undefined || startTime < change.first) change.first = startTime;
      if (change.last === undefined || startTime > change.last) change.last = startTime;
    }
  }

  private identityChange(id: number, column: IdentityChange['column']): IdentityChange {
    const known = this.identities.get(id);
    if (known) return known;
    const change = nothingOf(id, column);
    this.identities.set(id, change);
    return change;
  }

  private addMembership({ sessionId, userId, traceId = NO_TRACE }: Share, sign: 1 | -1): void {
    const latest = this.latestMembership;
    const isLatest =
      latest?.traceId === traceId && latest.sessionId === (sessionId ?? 0) && latest.userId === (userId ?? 0);
    const change = isLatest ? latest : this.membership(sessionId ?? 0, userId ?? 0, traceId);
    change.generations += sign;
    this.latestMembership = change;
  }

  private membership(sessionId: number, userId: number, traceId: Uint8Array): MembershipChange {
    const id = Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('latin1');
    const name = `${sessionId} ${userId} ${id}`;
    const known = this.memberships.get(name);
    if (known) return known;
    const change = { sessionId, userId, traceId, generations: 0 };
    this.memberships.set(name, change);
    return change;
  }

  private writeIdentity(change: IdentityChange): void {
    const stored = this.statements.identity.get(change.id) as [bigint | null, bigint | null, ...SumValues];
    const [first, last, ...sums] = stored;
    change.tally.addAll(sums);
    const times = change.shrank
      ? (this.statements.times[change.column].get({ id: change.id }) as [bigint | null, bigint | null])
      : [least(first, change.first), greatest(last, change.last)];
    this.statements.setIdentity.run(change.generations, ...times, ...change.tally.sums().map(sumColumn), change.id);
  }

  private writeMembership({ sessionId, userId, traceId, generations }: MembershipChange): void {
    if (generations === 0) return;
    this.statements.addMembership.run(sessionId, userId, traceId, generations);
    if (generations < 0) this.statements.deleteMembership.run(sessionId, userId, traceId);
  }
}

function nothingOf(id: number, column: IdentityChange['column']): IdentityChange {
  return { id, column, generations: 0, first: undefined, last: undefined, shrank: false, tally: new Tally() };
}

function least(a: bigint | null, b: bigint | undefined): bigint | null {
  if (a === null || b === undefined) return b ?? a;
  return a < b ? a : b;
}

function greatest(a: bigint | null, b: bigint | undefined): bigint | null {
  if (a === null || b === undefined) return b ?? a;
  return a > b ? a : b;
}

function prepareStatements(db: Database.Database) {
  const columns = SUM_COLUMNS.join(', ');
  const rows = (sql: string) => db.prepare(sql).safeIntegers(true).raw(true);
  const times = (column: string) =>
    rows(`SELECT (SELECT start_time_unix_nano FROM generations WHERE ${column} = @id ORDER BY start_time_unix_nano LIMIT 1),
      (SELECT start_time_unix_nano FROM generations WHERE ${column} = @id ORDER BY start_time_unix_nano DESC LIMIT 1)`);
  return {
    identity: rows(`SELECT first_time, last_time, ${columns} FROM identities WHERE id = ?`),
    times: { session_id: times('session_id'), user_id: times('user_id') },
    setIdentity: db.prepare(
      `UPDATE identities SET generations = generations + ?, first_time = ?, last_time = ?,
        ${SUM_COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`,
    ),
    addMembership: db.prepare(
      `INSERT INTO memberships (session_id, user_id, trace_id, generations) VALUES (?, ?, ?, ?)
        ON CONFLICT (session_id, user_id, trace_id) DO UPDATE SET generations = generations + excluded.generations`,
    ),
    deleteMembership: db.prepare(
      'DELETE FROM memberships WHERE session_id = ? AND user_id = ? AND trace_id = ? AND generations <= 0',
    ),
  };
}
