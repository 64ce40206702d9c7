/**
 * What is large in a batch. Contents are stored before it, in statements of their own, as resources are: no batch waits for
 * another's. That nobody takes them away again in between is what the lock is for, and a look after it was taken: batches
 * with contents share it, a deletion has it alone. Both take it before any other.
 */
import type pg from 'pg';
import { CONTENT_FIELDS, type Content } from '../../../model/content.js';
import type { DecodedFrame, LogRecord, RecordContents, Span } from '../../../model/telemetry.js';
import { asksForContents, ContentRoom, restoreTexts, type StoredPlace, type StoredTexts } from '../contents.js';
import type { StoredLogRecord, StoredSpan } from '../telemetry.js';
import { daysAround } from './claims.js';
import { hexOf, traceIdArray } from './native-ids.js';
import { DaySet } from './partitions.js';
import type { Queries } from './queries.js';
import type { LogRecordRow } from './records.js';
import type { Replaced, TraceName } from './revisions.js';
import { logItemTime } from './rows.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';
import { signed } from './time.js';

/** Any number, as long as it stays the same. */
const CONTENTS_LOCK = 2_750_918_003_417;

const DAY_NANO = 86_400_000_000_000n;
const NO_TRACE = '0'.repeat(32);

/** Contents in one statement: their texts are some megabytes at most, but for a single one that is larger. */
const MAX_STATEMENT_CHARS = 4 * 2 ** 20;

/** The start of the day, also of a time before 1970, as a time past 2^63 − 1 is stored. */
function dayOf(time: bigint): bigint {
  const day = time / DAY_NANO;
  const start = (day * DAY_NANO > time ? day - 1n : day) * DAY_NANO;
  return start < MIN_TIME ? MIN_TIME : start;
}

const [MIN_TIME, MAX_TIME] = [-(2n ** 63n), 2n ** 63n - 1n];

function lastOf(day: bigint): bigint {
  const last = day + DAY_NANO - 1n;
  return last > MAX_TIME ? MAX_TIME : last;
}

/** Of one workspace and day. */
interface DayContents {
  workspace: string;
  day: bigint;
  /** By digest. */
  contents: Map<string, Content>;
}

export interface BatchContents {
  days: DaySet;
  groups: DayContents[];
  /** Those that this batch stored: nobody else may need them. */
  fresh: NamedContent[];
}

interface NamedContent {
  workspace: string;
  day: bigint;
  digest: string;
}

function contentKey({ workspace, day, digest }: NamedContent): string {
  return `${day}/${workspace}/${digest}`;
}

export function contentsOf(frames: readonly DecodedFrame[]): BatchContents {
  const groups = new Map<string, DayContents>();
  const days = new DaySet();
  const add = (workspace: string, time: bigint, contents: RecordContents) => {
    days.add(time);
    const day = dayOf(signed(time));
    const key = `${day}/${workspace}`;
    const group = groups.get(key) ?? { workspace, day, contents: new Map<string, Content>() };
    groups.set(key, group);
    for (const { content } of contents) group.contents.set(content.digest, content);
  };
  for (const { workspace, spans, logRecords } of frames) {
    for (const span of spans) if (span.contents) add(workspace, span.startTimeUnixNano, span.contents);
    for (const record of logRecords) if (record.contents) add(workspace, logItemTime(record), record.contents);
  }
  return { days, groups: [...groups.values()], fresh: [] };
}

export async function storeContents(client: pg.ClientBase, { groups, fresh }: BatchContents): Promise<void> {
  for (const group of groups) {
    const missing = await withoutStored(client, group);
    for (const some of inStatements(missing)) await insert(client, group, some);
    fresh.push(...missing.map(({ digest }) => ({ workspace: group.workspace, day: group.day, digest })));
  }
}

async function withoutStored(client: pg.ClientBase, { workspace, day, contents }: DayContents): Promise<Content[]> {
  const { rows } = await client.query<{ digest: string }>(
    `select encode(digest, 'hex') as digest from contents
     where time_unix_nano = $1 and workspace = $2 and digest = any($3::bytea[])`,
    [day, workspace, digestArray(contents.keys())],
  );
  const stored = new Set(rows.map(({ digest }) => digest));
  // In one order for everybody: two writers of the same contents then wait for each other in turn, not in a ring.
  return [...contents.values()]
    .filter(({ digest }) => !stored.has(digest))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function* inStatements(contents: readonly Content[]): Generator<Content[]> {
  let [some, chars]: [Content[], number] = [[], 0];
  for (const content of contents) {
    if (some.length > 0 && chars + content.text.length > MAX_STATEMENT_CHARS) {
      yield some;
      [some, chars] = [[], 0];
    }
    some.push(content);
    chars += content.text.length;
  }
  if (some.length > 0) yield some;
}

/** Each text is a parameter of its own: in an array it would be quoted first. */
async function insert(
  client: pg.ClientBase,
  { day, workspace }: DayContents,
  contents: readonly Content[],
): Promise<void> {
  const rows = contents.map((_, at) => `($1::bigint, $2, $${at * 2 + 3}::bytea, $${at * 2 + 4})`);
  const values = contents.flatMap(({ digest, text }) => [Buffer.from(digest, 'hex'), text]);
  const sql = `insert into contents (time_unix_nano, workspace, digest, text) values ${rows.join()} on conflict do nothing`;
  await client.query(sql, [day, workspace, ...values]);
}

function digestArray(digests: Iterable<string>): string {
  return `{${[...digests].map((digest) => `"\\\\x${digest}"`).join()}}`;
}

/** Among the first statements of a batch's transaction: nothing for a batch without contents. */
export function holdContents({ groups }: BatchContents): string[] {
  if (groups.length === 0) return [];
  return [`select pg_advisory_xact_lock_shared(${CONTENTS_LOCK})`, ...groups.map(countStored)];
}

function countStored({ workspace, day, contents }: DayContents): string {
  const items = rowsOf('item', 'workspace text', [{ workspace }]);
  return `select count(*)::int as contents_held from contents content
    where content.time_unix_nano = '${day}'::bigint and content.workspace = (select workspace from ${items})
      and content.digest = any('${digestArray(contents.keys())}'::bytea[])`;
}

/** False when a deletion took one since it was stored. */
export function areHeld(
  { groups }: BatchContents,
  results: readonly pg.QueryResult<Record<string, unknown>>[],
): boolean {
  const wanted = groups.reduce((sum, { contents }) => sum + contents.size, 0);
  const held = results.reduce((sum, { rows }) => sum + ((rows[0]?.contents_held as number | undefined) ?? 0), 0);
  return held === wanted;
}

/** Where contents belong, of the rows that a batch really writes. */
export class ContentPlaces {
  private readonly rows: object[] = [];
  private readonly placed = new Set<string>();

  addSpans(frames: readonly DecodedFrame[]): void {
    for (const { workspace, spans } of frames) {
      for (const span of spans) if (span.contents) this.addSpan(workspace, span, span.contents);
    }
  }

  addLogRecord(workspace: string, record: LogRecord, rowId: bigint): void {
    if (record.contents) this.add(workspace, logKey(logItemTime(record), rowId), record.contents);
  }

  has(content: NamedContent): boolean {
    return this.placed.has(contentKey(content));
  }

  statements(): string[] {
    if (this.rows.length === 0) return [];
    const columns =
      'workspace text, time bigint, trace_id uuid, record_id bytea, field smallint, at int, length int, characters int, digest bytea';
    return [
      `insert into content_places (time_unix_nano, at, length, characters, field, trace_id, record_id, digest, workspace)
       select time, at, length, characters, field, trace_id, record_id, digest, workspace from ${rowsOf('item', columns, this.rows)}`,
    ];
  }

  private addSpan(workspace: string, span: Span, contents: RecordContents): void {
    this.add(workspace, spanKey(span), contents);
  }

  private add(workspace: string, { time, traceId, recordId }: RecordKey, contents: RecordContents): void {
    for (const { field, at, length, content } of contents) {
      this.placed.add(contentKey({ workspace, day: dayOf(time), digest: content.digest }));
      this.rows.push({
        workspace,
        time,
        trace_id: traceId,
        record_id: `\\x${recordId}`,
        field: CONTENT_FIELDS.indexOf(field),
        at,
        length,
        characters: content.text.length,
        digest: `\\x${content.digest}`,
      });
    }
  }
}

/** What names a row in content_places. */
interface RecordKey {
  time: bigint;
  /** Hex, both. */
  traceId: string;
  recordId: string;
}

function spanKey({
  startTimeUnixNano,
  traceId,
  spanId,
}: Pick<Span, 'startTimeUnixNano' | 'traceId' | 'spanId'>): RecordKey {
  return { time: signed(startTimeUnixNano), traceId: hexOf(traceId), recordId: hexOf(spanId) };
}

function logKey(itemTime: bigint, rowId: bigint): RecordKey {
  const recordId = BigInt.asUintN(64, rowId).toString(16).padStart(16, '0');
  return { time: signed(itemTime), traceId: NO_TRACE, recordId };
}

// ---- changes ----

/** Of spans that a revision takes the place of. */
export function retirePlaces(replaced: Replaced): string[] {
  const gone = replaced.filter(({ old }) => old.length > 0);
  if (gone.length === 0) return [];
  const rows = gone.map(({ revision: { workspace, span } }) => ({
    workspace,
    trace_id: hexOf(span.traceId),
    record_id: `\\x${hexOf(span.spanId)}`,
  }));
  const { from, to } = daysAround(gone.flatMap(({ old }) => old.map(({ start }) => start)));
  return [
    `update content_places place set field = null
     from ${rowsOf('item', 'workspace text, trace_id uuid, record_id bytea', rows)}
     where place.trace_id = any(${traceIdArray(gone.map(({ revision }) => revision.span.traceId))})
       and place.trace_id = item.trace_id and place.record_id = item.record_id and place.workspace = item.workspace
       and place.time_unix_nano between ${from} and ${to}`,
  ];
}

/** The first statement of a transaction that removes contents. */
export const HAVE_CONTENTS_ALONE = `select pg_advisory_xact_lock(${CONTENTS_LOCK})`;

/** Of these traces, those of spans that are not there any more. Its rows are for `removeUnused`. */
export function removePlaces(traces: readonly TraceName[]): string {
  const rows = traces.map(({ workspace, traceId }) => ({ workspace, trace_id: hexOf(traceId) }));
  return `delete from content_places place using ${rowsOf('item', 'workspace text, trace_id uuid', rows)}
    where place.trace_id = any(${traceIdArray(traces.map(({ traceId }) => traceId))})
      and place.trace_id = item.trace_id and place.workspace = item.workspace
      and not exists (select 1 from spans span where span.trace_id = place.trace_id and span.span_id = place.record_id
        and span.workspace = place.workspace offset 0)
    returning place.time_unix_nano::text as content_time, place.workspace, encode(place.digest, 'hex') as digest`;
}

/** From the results of a transaction's statements: the contents of removed places that no other place has. */
export function removeUnused(results: readonly pg.QueryResult<Record<string, unknown>>[]): string[] {
  const gone = new Map<string, NamedContent>();
  for (const row of results.flatMap(({ rows }) => rows)) {
    if (row.content_time === undefined) continue;
    const { workspace, digest, content_time: time } = row as Record<string, string>;
    const content = { workspace: workspace!, digest: digest!, day: dayOf(BigInt(time!)) };
    gone.set(contentKey(content), content);
  }
  return gone.size > 0 ? [removeAll([...gone.values()])] : [];
}

/** What a batch has stored and then not written, as its spans were there before. What fails is left to the day's end. */
export async function dropUnplaced(
  client: pg.ClientBase,
  { fresh }: BatchContents,
  places: ContentPlaces,
): Promise<void> {
  const unplaced = fresh.filter((content) => !places.has(content));
  if (unplaced.length === 0) return;
  const statements = ['begin', HAVE_CONTENTS_ALONE, BY_INDEX, removeAll(unplaced), 'commit'];
  await runTogether(client, statements).catch(() => client.query('rollback').catch(() => {}));
}

/** Of those, the ones that have no place. */
function removeAll(contents: readonly NamedContent[]): string {
  const rows = contents.map(({ workspace, digest, day }) => {
    return { workspace, digest: `\\x${digest}`, day, last: lastOf(day) };
  });
  const days = [...new Set(rows.map(({ day }) => day))].join();
  return `delete from contents content using ${rowsOf('item', 'workspace text, digest bytea, day bigint, last bigint', rows)}
     where content.time_unix_nano = any('{${days}}'::bigint[]) and content.time_unix_nano = item.day
       and content.workspace = item.workspace and content.digest = item.digest
       and not exists (select 1 from content_places place where place.digest = content.digest
         and place.workspace = content.workspace and place.time_unix_nano between item.day and item.last offset 0)`;
}

// ---- reading ----

/** Records in one statement: hundreds of partitions may be asked for each. */
const RECORDS_PER_QUERY = 1000;

interface Asking {
  key: RecordKey;
  texts: StoredTexts;
}

interface PlaceRow {
  time_unix_nano: bigint;
  trace_id: string;
  record_id: string;
  field: number;
  at: number;
  length: number;
  characters: number;
  digest: string;
}

export async function restoreSpans(queries: Queries, workspace: string, spans: readonly StoredSpan[]): Promise<void> {
  const asking = spans.filter(asksForContents).map((span) => ({ key: spanKey(span), texts: span }));
  await restoreAll(queries, workspace, asking);
}

export async function restoreLogRecords(
  queries: Queries,
  workspace: string,
  rows: readonly LogRecordRow[],
  records: readonly StoredLogRecord[],
): Promise<void> {
  const asking = records.flatMap((texts, at) => {
    const { item_time_unix_nano: time, row_id: rowId } = rows[at]!;
    return asksForContents(texts) ? [{ key: logKey(time, rowId), texts }] : [];
  });
  await restoreAll(queries, workspace, asking);
}

async function restoreAll(queries: Queries, workspace: string, asking: readonly Asking[]): Promise<void> {
  const room = new ContentRoom();
  for (let at = 0; at < asking.length; at += RECORDS_PER_QUERY) {
    await restoreSome(queries, workspace, asking.slice(at, at + RECORDS_PER_QUERY), room);
  }
}

async function restoreSome(
  queries: Queries,
  workspace: string,
  asking: readonly Asking[],
  room: ContentRoom,
): Promise<void> {
  const places = await readPlaces(queries, workspace, asking);
  const fitting = asking.flatMap(({ key, texts }) => {
    const found = places.get(nameOf(key)) ?? [];
    const chars = found.reduce((sum, { characters }) => sum + characters, 0);
    return found.length > 0 && room.takes(chars) ? [{ texts, found }] : [];
  });
  if (fitting.length === 0) return;
  const contents = await readContents(
    queries,
    workspace,
    fitting.flatMap(({ found }) => found),
  );
  for (const { texts, found } of fitting) {
    const whole = found.map((place) => storedPlace(place, contents));
    // A trace that is deleted meanwhile keeps its marks.
    if (whole.every((place) => place !== undefined)) restoreTexts(texts, whole);
  }
}

function nameOf({ time, traceId, recordId }: RecordKey): string {
  return `${time}/${traceId}/${recordId}`;
}

function contentName(time: bigint, digest: string): string {
  return `${dayOf(time)}/${digest}`;
}

function storedPlace(place: PlaceRow, contents: ReadonlyMap<string, string>): StoredPlace | undefined {
  const { field, at, length, digest, time_unix_nano: time } = place;
  const text = contents.get(contentName(time, digest));
  return text === undefined ? undefined : { field: CONTENT_FIELDS[field]!, at, length, text };
}

async function readPlaces(
  queries: Queries,
  workspace: string,
  asking: readonly Asking[],
): Promise<Map<string, PlaceRow[]>> {
  const times = asking.map(({ key }) => key.time).sort((a, b) => (a < b ? -1 : 1));
  const rows = await queries.rows<PlaceRow>(
    `select time_unix_nano, replace(trace_id::text, '-', '') as trace_id, encode(record_id, 'hex') as record_id, field, at,
       length, characters, encode(digest, 'hex') as digest
     from content_places
     where trace_id = any($1::uuid[]) and record_id = any($2::bytea[]) and workspace = $3 and field is not null
       and time_unix_nano between $4 and $5
     order by field, at`,
    [
      [...new Set(asking.map(({ key }) => key.traceId))],
      asking.map(({ key }) => Buffer.from(key.recordId, 'hex')),
      workspace,
      times[0],
      times.at(-1),
    ],
  );
  const places = new Map<string, PlaceRow[]>();
  for (const row of rows) {
    const name = nameOf({ time: row.time_unix_nano, traceId: row.trace_id, recordId: row.record_id });
    const found = places.get(name);
    if (found) found.push(row);
    else places.set(name, [row]);
  }
  return places;
}

/** Each once, however many records have it. */
async function readContents(
  queries: Queries,
  workspace: string,
  places: readonly PlaceRow[],
): Promise<Map<string, string>> {
  const rows = await queries.rows<{ time_unix_nano: bigint; digest: string; text: string }>(
    `select time_unix_nano, encode(digest, 'hex') as digest, text from contents
     where time_unix_nano = any($1::bigint[]) and workspace = $2 and digest = any($3::bytea[])`,
    [
      [...new Set(places.map((place) => dayOf(place.time_unix_nano)))],
      workspace,
      [...new Set(places.map(({ digest }) => digest))].map((digest) => Buffer.from(digest, 'hex')),
    ],
  );
  return new Map(rows.map((row) => [contentName(row.time_unix_nano, row.digest), row.text]));
}
