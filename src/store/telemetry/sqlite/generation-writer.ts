/**
 * Writes the generations of a batch into a block, trace by trace, in the transaction of their spans: finds whose session and
 * user each is, and whether it is the first sighting of its call, and hands what it adds to the ledger.
 */
import type Database from 'better-sqlite3';
import { type Generation, modelOf } from '../../../model/generation.js';
import type { DecodedFrame, LogRecord, Span } from '../../../model/telemetry.js';
import { callOf, isUnpriced } from '../rollups.js';
import {
  canCount,
  haveSameResponse,
  haveSameTokens,
  responseHash,
  type SeenResponse,
  SightingIndex,
} from '../sightings.js';
import { GenerationChanges } from './generation-changes.js';
import { GenerationInserts } from './generation-inserts.js';
import {
  areDescribedAlike,
  DESCRIPTION_COLUMNS,
  descriptionOf,
  INHERITED_SESSION,
  INHERITED_USER,
  OF_TRACE,
  PRICE_COLUMNS,
  priceColumns,
  ROWS_OF_TRACE,
  SESSION,
  SIGHTINGS_OF_TRACE,
  type SightingRow,
  sightingOf,
  storable,
  storedSighting,
  USER,
} from './generation-rows.js';
import type { GenerationTexts } from './generation-texts.js';
import { byDigest, IdentityNumbers } from './numbered.js';
import type { TraceName } from './recent-block.js';
import { hashTraceId } from './trace-filter.js';
import { signed, spanIdKey, spanIdKeys, type TraceGroup } from './trace-groups.js';
import { type Told, type TraceIdentities, type TraceIdentity, toldByOthers } from './trace-identities.js';
import { ALL_ROWS, type Owners, prepareOwners, surer, TraceOwners, UNOWNED } from './trace-owners.js';

/** Calls with that response that the recent blocks but the one that is written have counted. */
export type SeenElsewhere = (workspace: string, hash: bigint) => readonly SeenResponse[];

export interface GenerationWriterOptions {
  traces: TraceIdentities;
  seenElsewhere: SeenElsewhere;
  /** Whose the trace is by the recent blocks but the one that is written; undefined when they have nothing of it. */
  toldElsewhere(trace: TraceName): Owners | undefined;
  /** Of the block. */
  texts: GenerationTexts;
}

/** Rows of one trace that what comes to it is compared with: the latest. */
const MAX_COMPARED = 1_000;

interface Place {
  workspaceId: number;
  traceId: Uint8Array | undefined;
}

/** A trace of the batch: its rows before this one are those below `first`. */
interface TracePlace {
  traceId: Uint8Array;
  workspaceId: number;
  first: number;
  /** None of its spans came before, as far as this block knows. */
  isNew: boolean;
}

/** A call with a response's id, and where in the batch it came. */
interface Arrival extends SeenResponse {
  span: Span;
  frame: DecodedFrame;
}

const UNTOLD: Told = { ...UNOWNED, by: undefined };
const NOBODY: TraceIdentity = { session: UNTOLD, user: UNTOLD };

export class GenerationWriter {
  private readonly statements;
  private readonly changes: GenerationChanges;
  private readonly rows: GenerationInserts;
  private readonly descriptions;
  private readonly prices;
  private readonly sessions;
  private readonly users;
  private readonly owners;
  /** Neighbours mostly share a description: its name, which is long, is made for the first of them. */
  private latestDescribed: { generation: Generation; id: number } | undefined;
  /** Of each call of the batch the first sighting: traces are written in another order than they came. */
  private readonly firsts = new Map<string, Arrival[]>();
  /** Of the group that was added last: groups of one trace follow one another. */
  private latestTrace: Uint8Array | undefined;
  /** Of the traces of the batch's logs of which nobody knows anything. */
  private readonly unknown = new Set<string>();
  private min: bigint | null = null;
  private max: bigint | null = null;

  constructor(
    db: Database.Database,
    private readonly options: GenerationWriterOptions,
  ) {
    this.statements = prepareStatements(db);
    this.changes = new GenerationChanges(db, options.texts);
    this.rows = new GenerationInserts(db);
    this.descriptions = byDigest(db, 'descriptions', DESCRIPTION_COLUMNS);
    this.prices = byDigest(db, 'prices', PRICE_COLUMNS);
    this.sessions = new IdentityNumbers(db, SESSION);
    this.users = new IdentityNumbers(db, USER);
    this.owners = new TraceOwners(db, this.changes, { sessions: this.sessions, users: this.users });
  }

  /** Call it before the groups of a batch are added. */
  begin(groups: readonly TraceGroup[], workspaceIdOf: (name: string) => number): void {
    // Of all groups before any is added: what one of them replaces stands for no call of another.
    for (const { revision, spans, traceId, workspace } of groups) {
      if (revision === 0) continue;
      this.removeReplaced(spans, { traceId, workspaceId: workspaceIdOf(workspace), first: ALL_ROWS, isNew: false });
    }
    for (const { workspace, spans, frames } of groups) {
      for (const [at, span] of spans.entries()) {
        const { generation } = span;
        if (!generation || generation.responseId === '' || !canCount(generation)) continue;
        const { responseId } = generation;
        this.noteArrival(workspace, { span, frame: frames[at]!, responseId, model: modelOf(generation) });
      }
    }
  }

  private noteArrival(workspace: string, arrival: Arrival): void {
    const key = `${workspace}/${arrival.responseId}`;
    const known = this.firsts.get(key);
    if (!known) {
      this.firsts.set(key, [arrival]);
      return;
    }
    const same = known.findIndex((other) => haveSameResponse(other, arrival));
    if (same < 0) known.push(arrival);
    else if (cameBefore(arrival, known[same]!)) known[same] = arrival;
  }

  /** Call it when the spans of the group are rows, one after another from `firstSpan` on. */
  addTrace(group: TraceGroup, firstSpan: number, workspaceId: number): void {
    const place: TracePlace = { traceId: group.traceId, workspaceId, first: firstSpan, isNew: false };
    // A trace has several groups where one of them revises: what is asked of its rows is told by the table alone.
    if (this.latestTrace && Buffer.compare(this.latestTrace, group.traceId) === 0) this.rows.flush();
    this.latestTrace = group.traceId;
    // Those that this batch has added: `begin` took out what was there.
    if (group.revision > 0) this.removeReplaced(group.spans, place);
    else if (group.spans.every(({ generation }) => generation === undefined)) return;
    place.isNew = group.isNew || this.statements.earlier.get(group.traceId, workspaceId, firstSpan) === undefined;
    const identity = this.identify(group, place);
    // Whose a trace is that calls no model is remembered in case that it will, and costs no row.
    if (group.spans.every(({ generation }) => !generation || generation.kind === 'span')) return;
    const seen = this.countedCalls(group, place);
    const owner = { workspace: group.workspace, workspaceId };
    for (let at = 0; at < group.spans.length; at++) {
      const span = group.spans[at]!;
      if (!span.generation) continue;
      const generation = storable(span.generation);
      const counted = this.isCounted(span, generation, owner, seen);
      this.insert(generation, BigInt(firstSpan + at), place, counted, identity);
    }
  }

  /** A native log, or an event with messages of a span. `row` is the id of its row. */
  addLogRecord(record: LogRecord, workspace: string, workspaceId: number, row: number): void {
    const id = -BigInt(row);
    if (!record.generation) {
      this.changes.addText(id, record.searchText);
      return;
    }
    const { traceId } = record;
    // Among spans `firsts` tells of one response; before a log's may be a row of this batch.
    if (record.generation.responseId !== '') this.rows.flush();
    const identity = traceId && this.identityForLog(workspace, workspaceId, traceId);
    this.owners.expectLogs();
    const generation = storable(record.generation);
    const counted = generation.countable && !this.wasAnswered(generation, workspace, workspaceId);
    this.insert(generation, id, { workspaceId, traceId }, counted, identity ?? NOBODY);
  }

  /** Ends the batch, within its transaction; from its first generation to its last. */
  flush(): { min: bigint | null; max: bigint | null } {
    this.rows.flush();
    this.changes.flush();
    this.forgetBatch();
    const { min, max } = this;
    this.min = this.max = null;
    return { min, max };
  }

  /** Within a transaction, when the block takes no more rows. */
  finish(): void {
    this.changes.fold();
  }

  committed(): void {
    this.options.traces.committed();
  }

  rollback(): void {
    this.rows.clear();
    this.changes.clear();
    this.forgetBatch();
    this.options.traces.rollback();
    this.min = this.max = null;
    this.latestDescribed = undefined;
    for (const numbered of [this.descriptions, this.prices, this.sessions, this.users]) numbered.forget();
  }

  private forgetBatch(): void {
    this.unknown.clear();
    this.firsts.clear();
    this.latestTrace = undefined;
  }

  private insert(generation: Generation, id: bigint, place: Place, counted: boolean, identity: TraceIdentity): void {
    const { workspaceId, traceId } = place;
    const session = generation.sessionId || identity.session.name;
    const user = generation.userId || identity.user.name;
    const sessionId = session === '' ? null : this.sessions.idOf(workspaceId, session);
    const userId = user === '' ? null : this.users.idOf(workspaceId, user);
    const startTime = signed(generation.startTimeUnixNano);
    const { cost } = generation;
    this.rows.add(generation, {
      id,
      workspaceId,
      descriptionId: this.descriptionId(generation),
      counted,
      isUnpriced: isUnpriced(generation),
      sessionId,
      userId,
      inherited:
        (session === generation.sessionId ? 0 : INHERITED_SESSION) | (user === generation.userId ? 0 : INHERITED_USER),
      priceId: cost ? this.prices.idOf(cost.price.key, () => priceColumns(cost.price)) : null,
    });
    this.changes.addText(id, generation.searchText);
    const call = counted ? callOf(`${workspaceId}`, generation, { session, user }) : undefined;
    this.changes.add({ traceId, startTime, call, sessionId, userId });
    if (this.min === null || startTime < this.min) this.min = startTime;
    if (this.max === null || startTime > this.max) this.max = startTime;
  }

  private descriptionId(generation: Generation): number {
    const { latestDescribed: latest } = this;
    if (latest && areDescribedAlike(latest.generation, generation)) return latest.id;
    const description = descriptionOf(generation);
    const id = this.descriptions.idOf(JSON.stringify(description), () => description);
    this.latestDescribed = { generation, id };
    return id;
  }

  /** The newer versions of these spans stand in their place. Versions in other blocks were taken out before. */
  private removeReplaced(spans: readonly Span[], place: TracePlace): void {
    const replaced = new Set(spans.map(({ spanId }) => spanIdKey(spanId)));
    for (const { first_span: first, span_ids: ids } of this.statements.batches.all(namesOf(place)) as BatchRow[]) {
      for (const [at, key] of spanIdKeys(ids).entries()) {
        if (replaced.has(key)) this.changes.remove(BigInt(first + at));
      }
    }
  }

  /**
   * Whose the trace is, now that this group has come: what its root says, and until that comes what the first of its spans
   * said. What came before without a session, or a user, of its own is given the new one.
   */
  private identify(group: TraceGroup, place: TracePlace): TraceIdentity {
    const before = this.knownIdentity(group.workspace, place);
    const identity = this.toldWith(group, before, place);
    const { session, user } = identity;
    if (session.name !== before.session.name) this.giveToEarlier(place, SESSION, session.name);
    if (user.name !== before.user.name) this.giveToEarlier(place, USER, user.name);
    // Of a trace that has rows it is remembered as well that they say nothing: they are not asked again.
    if (!place.isNew || session.name !== '' || user.name !== '')
      this.options.traces.set(group.workspace, group.traceId, identity);
    return identity;
  }

  private toldWith(group: TraceGroup, before: TraceIdentity, place: TracePlace): TraceIdentity {
    const { spans } = group;
    const known =
      group.revision > 0
        ? this.withoutRevised(before, spans, place)
        : surest(before, this.options.toldElsewhere(group));
    return {
      session: toldBy(spans, ({ sessionId }) => sessionId, known.session),
      user: toldBy(spans, ({ userId }) => userId, known.user),
    };
  }

  /** Whose the trace will be once the group, which revises nothing, is written; `workspaceId` is undefined when it has no rows. */
  foretell(group: TraceGroup, workspaceId: number | undefined): Owners {
    const { traceId, workspace } = group;
    const isNew =
      workspaceId === undefined || this.statements.earlier.get(traceId, workspaceId, ALL_ROWS) === undefined;
    const place = { traceId, workspaceId: workspaceId ?? 0, first: ALL_ROWS, isNew };
    return this.toldWith(group, this.knownIdentity(workspace, place), place);
  }

  /** Where somebody else has changed rows since it was remembered, what they say is surer. */
  private knownIdentity(workspace: string, place: TracePlace): TraceIdentity {
    const { traces } = this.options;
    const known = traces.get(workspace, place.traceId);
    if (known && !traces.isOutdated(workspace, place.traceId)) return known;
    const remembered = known ? unsure(known) : NOBODY;
    return place.isNew ? remembered : surest(remembered, this.statements.owners(namesOf(place)));
  }

  /** The rows of a trace are asked once for all logs of the batch. */
  private identityForLog(workspace: string, workspaceId: number, traceId: Uint8Array): TraceIdentity {
    const { traces } = this.options;
    const known = traces.get(workspace, traceId);
    if (known && !traces.isOutdated(workspace, traceId)) return known;
    const name = `${workspaceId} ${Buffer.from(traceId).toString('latin1')}`;
    if (this.unknown.has(name)) return NOBODY;
    this.rows.flushSpans();
    const place = { traceId, workspaceId, first: Number.MAX_SAFE_INTEGER, isNew: false };
    const elsewhere = this.options.toldElsewhere({ workspace, traceId, hash: hashTraceId(traceId) });
    const identity = surest(this.knownIdentity(workspace, place), elsewhere);
    if (identity.session.name === '' && identity.user.name === '') this.unknown.add(name);
    else traces.set(workspace, traceId, identity);
    return identity;
  }

  /** What revised spans said before counts no longer; what a row says itself is asked where nobody knows who said it. */
  private withoutRevised(before: TraceIdentity, spans: readonly Span[], place: TracePlace): TraceIdentity {
    const { ownSession, ownUser } = this.statements;
    const ownOf = (statement: typeof ownSession): Told => {
      const row = statement.get(namesOf(place)) as { name: string; span_id: Buffer } | undefined;
      return row ? { name: row.name, isSure: false, by: spanIdKey(row.span_id) } : UNTOLD;
    };
    return {
      session: toldByOthers(before.session, spans) ?? ownOf(ownSession),
      user: toldByOthers(before.user, spans) ?? ownOf(ownUser),
    };
  }

  private giveToEarlier(place: TracePlace, type: typeof SESSION | typeof USER, name: string): void {
    this.owners.give({ ...place, first: place.isNew ? 0 : place.first }, type, name);
  }

  /** What calls of the group are compared with; undefined where none can be of one call, as in most traces. */
  private countedCalls({ spans }: TraceGroup, { isNew, ...place }: TracePlace): SightingIndex | undefined {
    if (isNew && !maySeeTwice(spans)) return undefined;
    const index = new SightingIndex();
    if (isNew) return index;
    const answered = Number(spans.every(({ generation }) => generation?.responseId !== ''));
    for (const row of this.statements.counted.all({ ...place, answered }) as SightingRow[])
      index.add(storedSighting(row));
    return index;
  }

  private isCounted(
    span: Span,
    generation: Generation,
    { workspace, workspaceId }: { workspace: string; workspaceId: number },
    seen: SightingIndex | undefined,
  ): boolean {
    if (!canCount(generation) || this.wasAnswered(generation, workspace, workspaceId)) return false;
    if (this.followsAnother(span, generation, workspace)) return false;
    if (!seen) return true;
    const { spanId, parentSpanId, scope } = span;
    const sighting = sightingOf(generation, { spanId, parentSpanId, scope: scope.name });
    if (seen.has(sighting)) return false;
    seen.add(sighting);
    return true;
  }

  /** Whether another span of the batch with the same response came before. */
  private followsAnother(span: Span, generation: Generation, workspace: string): boolean {
    const { responseId } = generation;
    if (responseId === '') return false;
    const own = { responseId, model: modelOf(generation) };
    const first = this.firsts.get(`${workspace}/${responseId}`)?.find((other) => haveSameResponse(other, own));
    return first !== undefined && first.span !== span && !isSameSpan(first.span, span);
  }

  /** Whether a counted row has the same response. */
  private wasAnswered(generation: Generation, workspace: string, workspaceId: number): boolean {
    const { responseId } = generation;
    if (responseId === '') return false;
    const hash = responseHash(responseId);
    const sighting = { responseId, model: modelOf(generation) };
    const isSame = (other: SeenResponse) => haveSameResponse(other, sighting);
    const own = this.statements.answered.all(hash, workspaceId) as SeenResponse[];
    return own.some(isSame) || this.options.seenElsewhere(workspace, hash).some(isSame);
  }
}

/** Calls of one trace: of two instrumentations, or without responses and one within another with the same tokens. */
function maySeeTwice(spans: readonly Span[]): boolean {
  const [first] = spans;
  if (spans.some(({ scope }) => scope.name !== first!.scope.name)) return true;
  const calls = spans.filter(({ generation }) => generation !== undefined && canCount(generation));
  if (calls.length < 2 || calls.every(({ generation }) => generation!.responseId !== '')) return false;
  const usages = new Map(calls.map(({ spanId, generation }) => [tailOf(spanId), generation!.usage]));
  if (usages.size < calls.length) return true;
  return calls.some(({ parentSpanId, generation }) => {
    const outer = parentSpanId && usages.get(tailOf(parentSpanId));
    return outer !== undefined && haveSameTokens(outer, generation!.usage);
  });
}

/** The last four bytes of an id tell those of a trace apart, nearly always, and cost less than a string of it. */
function tailOf(spanId: Uint8Array): number {
  return (spanId[4]! << 24) | (spanId[5]! << 16) | (spanId[6]! << 8) | spanId[7]!;
}

function cameBefore(a: Arrival, b: Arrival): boolean {
  if (a.frame !== b.frame) return a.frame.sequence < b.frame.sequence;
  return a.frame.spans.indexOf(a.span) < a.frame.spans.indexOf(b.span);
}

/** One of them may be a revision of the other. */
function isSameSpan(a: Span, b: Span): boolean {
  return Buffer.compare(a.spanId, b.spanId) === 0 && Buffer.compare(a.traceId, b.traceId) === 0;
}

/** What statements take: they bind no booleans. */
function namesOf({ traceId, workspaceId, first }: TracePlace) {
  return { traceId, workspaceId, first };
}

interface BatchRow {
  first_span: number;
  span_ids: Buffer;
}

/** The root's word counts before what was known, and that before the first's. */
function toldBy(spans: readonly Span[], tell: (generation: Generation) => string, known: Told): Told {
  const told = spans.filter(({ generation }) => generation && tell(generation) !== '');
  const root = told.find(({ parentSpanId }) => parentSpanId === undefined);
  const teller = root ?? (known.name === '' ? told[0] : undefined);
  if (!teller) return known;
  return { name: tell(storable(teller.generation!)), isSure: teller === root, by: spanIdKey(teller.spanId) };
}

/** What is remembered, unless others are surer; who said that is not known. */
function surest({ session, user }: TraceIdentity, by: Owners | undefined): TraceIdentity {
  if (!by) return { session, user };
  return {
    session: surer(session, { ...by.session, by: undefined }),
    user: surer(user, { ...by.user, by: undefined }),
  };
}

function unsure({ session, user }: TraceIdentity): TraceIdentity {
  return { session: { ...session, isSure: false }, user: { ...user, isSure: false } };
}

function prepareStatements(db: Database.Database) {
  const withBigints = (sql: string) => db.prepare(sql).safeIntegers(true);
  const own = (column: string, bit: number) =>
    db.prepare(
      `SELECT i.name, span.span_id FROM ${ROWS_OF_TRACE} JOIN identities i ON i.id = x.${column}
          JOIN spans span ON span.id = x.id WHERE ${OF_TRACE} AND NOT x.inherited & ${bit}
        ORDER BY span.parent_span_id IS NOT NULL, x.id LIMIT 1`,
    );
  return {
    earlier: db
      .prepare(
        `SELECT 1 FROM trace_batches INDEXED BY trace_batches_by_trace
          WHERE trace_id = ? AND workspace_id = ? AND span_count > 0 AND first_span < ? LIMIT 1`,
      )
      .pluck(),
    batches: db.prepare(
      `SELECT b.first_span, b.span_ids FROM trace_batches b INDEXED BY trace_batches_by_trace WHERE ${OF_TRACE}`,
    ),
    owners: prepareOwners(db),
    answered: db.prepare(
      `SELECT x.response_id AS responseId, coalesce(nullif(d.response_model, ''), d.request_model) AS model
        FROM generations x INDEXED BY generations_by_response CROSS JOIN descriptions d ON d.id = x.description_id
        WHERE x.response_hash = ? AND x.workspace_id = ? AND x.counted = 1`,
    ),
    ownSession: own('session_id', INHERITED_SESSION),
    ownUser: own('user_id', INHERITED_USER),
    counted: withBigints(`${SIGHTINGS_OF_TRACE} AND (NOT @answered OR x.response_hash IS NULL)
      ORDER BY x.id DESC LIMIT ${MAX_COMPARED}`),
  };
}
