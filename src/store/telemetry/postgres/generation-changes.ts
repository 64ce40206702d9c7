/**
 * What a batch, a revision or a deletion changes of generations and of all sums: worked out in memory, trace by trace, from
 * the rows that are there and those that come or go. The rows of a trace are held meanwhile (generation_traces).
 */
import type { Cost } from '../../../model/generation.js';
import { type Call, callOf, RollupBatch, Tally } from '../rollups.js';
import { canCount, SightingIndex } from '../sightings.js';
import type { CallClaims } from './call-claims.js';
import { type GenerationRow, sightingOf } from './generation-rows.js';

/** Of the logs without a trace. */
export const NO_TRACE = '0'.repeat(32);

export interface TraceChange {
  workspace: string;
  traceId: string;
  /** Rows of the trace that are there. */
  stored: readonly GenerationRow[];
  /** It has more, which nobody looked at. */
  isPart: boolean;
  gone: ReadonlySet<GenerationRow>;
  /** In the order in which they came. */
  added: readonly GenerationRow[];
}

/** That a trace (or logs without one) tells of a session and a user. */
export interface TraceIdentity {
  workspace: string;
  traceId: string;
  session: string;
  user: string;
  first: bigint;
  last: bigint;
  /** There may be more of it: what stands of its times only ever spreads. */
  spreads: boolean;
}

export const IDENTITY_DIMENSIONS = { user: 1, session: 2 } as const;

export interface IdentityChange {
  workspace: string;
  /** Index into DIMENSION_SETS. */
  dimensions: number;
  id: string;
  /** Of what was added; undefined when nothing was. */
  first: bigint | undefined;
  last: bigint | undefined;
  tally: Tally;
  /** Something was taken away: its times are to be found out anew. */
  shrank: boolean;
}

export class GenerationChanges {
  readonly inserted: GenerationRow[] = [];
  readonly gone: GenerationRow[] = [];
  /** Rows whose trace says another session or user now. */
  readonly moved: GenerationRow[] = [];
  readonly toldAnew: TraceIdentity[] = [];
  readonly untold: TraceIdentity[] = [];
  readonly emptied: { workspace: string; traceId: string }[] = [];
  readonly rollups = new RollupBatch();
  private readonly byIdentity = new Map<string, IdentityChange>();

  constructor(private readonly claims: CallClaims) {}

  /** Sorted as their primary key is: two writers then wait for each other in turn. */
  identities(): IdentityChange[] {
    return [...this.byIdentity].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, identity]) => identity);
  }

  log(row: GenerationRow): void {
    row.session = row.generation.sessionId;
    row.user = row.generation.userId;
    row.counted = canCount(row.generation) && this.claims.take(row);
    this.insert(row);
    this.toldAnew.push(...identitiesOf(row.workspace, NO_TRACE, [row], true));
  }

  trace({ workspace, traceId, stored, isPart, gone, added }: TraceChange): void {
    const before = identitiesOf(workspace, traceId, stored, isPart);
    for (const row of gone) this.remove(row);
    const kept = stored.filter((row) => !gone.has(row));
    const accepted = this.accept(kept, added);
    const rows = [...kept, ...accepted];
    const told = { session: toldBy(rows, 'sessionId'), user: toldBy(rows, 'userId') };
    for (const row of kept) this.move(row, told);
    for (const row of accepted) {
      Object.assign(row, identityOf(row, told));
      this.insert(row);
    }
    const after = identitiesOf(workspace, traceId, rows, isPart);
    this.retell(isPart ? [] : before, after);
    if (rows.length === 0) this.emptied.push({ workspace, traceId });
  }

  replaceCost(row: GenerationRow, cost: Cost | undefined): void {
    this.sum(row, -1);
    row.generation = { ...row.generation, cost };
    this.sum(row, 1);
  }

  /** It takes the place of a sighting of its call that goes. */
  count(row: GenerationRow): void {
    this.sum(row, -1);
    row.counted = true;
    this.sum(row, 1);
  }

  /** Without spans that are there, under another start perhaps. */
  private accept(kept: readonly GenerationRow[], added: readonly GenerationRow[]): GenerationRow[] {
    const known = new Set(kept.filter(isOfSpan).map(({ spanId }) => spanId));
    const counted = new SightingIndex();
    for (const row of kept) if (row.counted) counted.add(sightingOf(row));
    const accepted: GenerationRow[] = [];
    for (const row of added) {
      if (isOfSpan(row) && known.has(row.spanId)) continue;
      if (isOfSpan(row)) known.add(row.spanId);
      if (canCount(row.generation)) {
        const sighting = sightingOf(row);
        row.counted = !counted.has(sighting) && this.claims.take(row);
        if (row.counted) counted.add(sighting);
      }
      accepted.push(row);
    }
    return accepted;
  }

  private insert(row: GenerationRow): void {
    this.inserted.push(row);
    this.sum(row, 1);
  }

  private remove(row: GenerationRow): void {
    this.gone.push(row);
    if (row.counted) this.claims.release(row);
    this.sum(row, -1);
  }

  private move(row: GenerationRow, told: Told): void {
    const { session, user } = identityOf(row, told);
    if (session === row.session && user === row.user) return;
    this.sum(row, -1);
    Object.assign(row, { session, user });
    this.sum(row, 1);
    this.moved.push(row);
  }

  private sum(row: GenerationRow, sign: 1 | -1): void {
    const call = row.counted ? callOfRow(row) : undefined;
    if (call) this.rollups.add(call, sign);
    this.sumIdentity(row, 'session', call, sign);
    this.sumIdentity(row, 'user', call, sign);
  }

  private sumIdentity(row: GenerationRow, dimension: 'session' | 'user', call: Call | undefined, sign: 1 | -1): void {
    if (row[dimension] === '') return;
    const identity = this.identity(row.workspace, IDENTITY_DIMENSIONS[dimension], row[dimension]);
    if (call) identity.tally.add(call, sign);
    const time = row.generation.startTimeUnixNano;
    if (sign < 0) identity.shrank = true;
    else if (identity.first === undefined || time < identity.first) identity.first = time;
    if (sign > 0 && (identity.last === undefined || time > identity.last)) identity.last = time;
  }

  private identity(workspace: string, dimensions: number, id: string): IdentityChange {
    const key = `${workspace}/${dimensions}/${id}`;
    const known = this.byIdentity.get(key);
    if (known) return known;
    const times = { first: undefined, last: undefined };
    const identity = { workspace, dimensions, id, ...times, tally: new Tally(), shrank: false };
    this.byIdentity.set(key, identity);
    return identity;
  }

  private retell(before: readonly TraceIdentity[], after: readonly TraceIdentity[]): void {
    const nameOf = ({ session, user }: TraceIdentity) => JSON.stringify([session, user]);
    const old = new Map(before.map((identity) => [nameOf(identity), identity]));
    for (const identity of after) {
      const same = old.get(nameOf(identity));
      old.delete(nameOf(identity));
      if (same?.first !== identity.first || same.last !== identity.last) this.toldAnew.push(identity);
    }
    this.untold.push(...old.values());
  }
}

interface Told {
  session: string;
  user: string;
}

export function callOfRow(row: GenerationRow): Call {
  return callOf(row.workspace, row.generation, row);
}

function isOfSpan({ source }: GenerationRow): boolean {
  return source === 'span';
}

function identityOf({ generation: { sessionId, userId } }: GenerationRow, told: Told): Told {
  return { session: sessionId || told.session, user: userId || told.user };
}

/** What a trace says of itself: its root does, or else the earliest row that says anything. */
function toldBy(rows: readonly GenerationRow[], field: 'sessionId' | 'userId'): string {
  return tellerAmong(rows, field)?.generation[field] ?? '';
}

export function tellerAmong(rows: Iterable<GenerationRow>, field: 'sessionId' | 'userId'): GenerationRow | undefined {
  let best: GenerationRow | undefined;
  for (const row of rows) if (row.generation[field] !== '' && (!best || isBefore(row, best))) best = row;
  return best;
}

function isBefore(a: GenerationRow, b: GenerationRow): boolean {
  if (isRoot(a) !== isRoot(b)) return isRoot(a);
  const [startA, startB] = [a.generation.startTimeUnixNano, b.generation.startTimeUnixNano];
  return startA === startB ? a.rowId < b.rowId : startA < startB;
}

export function isRoot(row: GenerationRow): boolean {
  return isOfSpan(row) && row.parentSpanId === '';
}

function identitiesOf(
  workspace: string,
  traceId: string,
  rows: readonly GenerationRow[],
  spreads: boolean,
): TraceIdentity[] {
  const all = new Map<string, TraceIdentity>();
  for (const { session, user, generation } of rows) {
    if (session === '' && user === '') continue;
    const time = generation.startTimeUnixNano;
    const key = JSON.stringify([session, user]);
    const known = all.get(key);
    if (!known) all.set(key, { workspace, traceId, session, user, first: time, last: time, spreads });
    else if (time < known.first) known.first = time;
    else if (time > known.last) known.last = time;
  }
  return [...all.values()];
}
