/** Log records and metric points by time: each block by its time index, merged. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import { COUNT_BUDGET_MS } from '../budgets.js';
import type { ListQuery, LogQuery, MetricQuery, StoredLogRecord, StoredMetricPoint } from '../telemetry.js';
import type { BlockReader, Extent } from './block-reader.js';
import { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import {
  allOf,
  attributeConditions,
  type Conditions,
  logConditions,
  serviceCondition,
  timeConditions,
} from './conditions.js';
import {
  atLeast,
  COUNT_BOUND,
  countUpToBound,
  type ListContext,
  noLessThan,
  type Step,
  skipOf,
  type Total,
  takePage,
  withSkip,
} from './list-page.js';
import { signed, unsigned } from './trace-groups.js';
import { type Order, ordered, type Stream, walk } from './walk.js';

/** What differs between the kinds of record. */
export interface RecordKind<Query extends ListQuery, Item> {
  table: 'log_records' | 'metric_points' | 'generations';
  timeColumn: string;
  /** The index to go by: without statistics SQLite may take the one by time where few rows match. undefined: by rowid. */
  index(query: Query, reader: BlockReader): string | undefined;
  extent(block: Block): Extent | undefined;
  /** Those of this kind alone; time, service and attributes are common. */
  conditions(query: Query): Conditions;
  /** Read one after another and merged: a filter that is an index key gives a run of rows for each of its values. */
  runs(reader: BlockReader, query: Query): Conditions[];
  /** undefined when it is gone in the meantime. */
  load(reader: BlockReader, id: bigint): Item | undefined;
}

const NO_CONDITIONS: Conditions = { sql: [], parameters: {} };

const LOG_RECORDS: RecordKind<LogQuery, StoredLogRecord> = {
  table: 'log_records',
  timeColumn: 'log_time',
  index: ({ traceId, eventName }, reader) => {
    if (traceId) return 'log_records_by_trace';
    return byEvent(eventName, reader) ? 'log_records_by_event' : 'log_records_by_time';
  },
  extent: ({ logRecords }) => logRecords,
  conditions: logConditions,
  runs: (reader, { traceId, eventName }) => {
    if (traceId) return [{ sql: ['x.trace_id = @traceId'], parameters: { traceId } }];
    // The index leaves out records without an event name: SQLite takes it only where a condition says so too.
    return [byEvent(eventName, reader) ? { sql: ["x.event_name <> ''"], parameters: {} } : NO_CONDITIONS];
  },
  load: (reader, id) => reader.logRecord(id),
};

function byEvent(eventName: string | undefined, reader: BlockReader): boolean {
  return eventName !== undefined && eventName !== '' && reader.isNative;
}

const METRIC_POINTS: RecordKind<MetricQuery, StoredMetricPoint> = {
  table: 'metric_points',
  timeColumn: 'time_unix_nano',
  index: ({ name }) => (name === undefined ? 'metric_points_by_time' : 'metric_points_by_metric'),
  extent: ({ metricPoints }) => metricPoints,
  conditions: () => NO_CONDITIONS,
  // A metric's points lie together in the index by metric: one name may be several metrics, by unit or type.
  runs: (reader, { name }) =>
    name === undefined
      ? [NO_CONDITIONS]
      : reader
          .all<{ id: bigint }>('SELECT id FROM metrics WHERE name = ?', [name])
          .map(({ id }) => ({ sql: ['x.metric_id = @metric'], parameters: { metric: id } })),
  load: (reader, id) => reader.metricPoint(id),
};

/** Where a record stands: newest first, then the newer block, then the later row. */
interface Place {
  time: bigint;
  file: string;
  id: bigint;
}

function compare(a: Place, b: Place): number {
  if (a.time !== b.time) return a.time > b.time ? -1 : 1;
  if (a.file !== b.file) return a.file > b.file ? -1 : 1;
  return a.id > b.id ? -1 : 1;
}

const NEWEST_FIRST: Order<Place> = { ascending: false, timeOf: ({ time }) => time, compare };

export function listLogs(context: ListContext, query: LogQuery): Page<StoredLogRecord> {
  return new RecordList(context, LOG_RECORDS, query).page();
}

export function listMetricPoints(context: ListContext, query: MetricQuery): Page<StoredMetricPoint> {
  return new RecordList(context, METRIC_POINTS, query).page();
}

/** What is the same for all blocks of one list. */
interface RecordSelection<Query extends ListQuery> {
  kind: RecordKind<Query, unknown>;
  query: Query;
  order: Order<Place>;
  /** The time range, which the index keeps. */
  range: Conditions;
  /** What each row is asked. */
  filters: Conditions;
}

/** A run of records in one block. */
class RecordStream<Query extends ListQuery> implements Stream<Place> {
  readonly latestTime: bigint;
  readonly earliestTime: bigint;

  constructor(
    private readonly catalog: Catalog,
    private readonly selection: RecordSelection<Query>,
    private readonly block: Block,
    private readonly run: Conditions,
  ) {
    const extent = selection.kind.extent(block)!;
    this.latestTime = extent.max;
    this.earliestTime = extent.min;
  }

  placeAfter(after: Place | undefined, rows: number): Place | undefined {
    return this.select(this.afterIn(after), 'LIMIT 1 OFFSET @rows', { rows: rows - 1 })[0];
  }

  between(after: Place | undefined, end: Place | undefined): Place[] {
    return this.select(allOf(this.afterIn(after), this.upTo(end), this.selection.filters));
  }

  private select(conditions: Conditions, limit = '', parameters: object = {}): Place[] {
    const { kind, range, query, order } = this.selection;
    const { file } = this.block;
    const all = allOf(this.run, range, conditions);
    const way = order.ascending ? 'ASC' : 'DESC';
    const rows = this.catalog.scan(file, (reader) => {
      const select = `SELECT x.${kind.timeColumn} AS time, x.id ${fromRecords(kind, kind.index(query, reader), all.sql)}
        ORDER BY x.${kind.timeColumn} ${way}, x.id ${way} ${limit}`;
      return reader.all<{ time: bigint; id: bigint }>(select, { ...all.parameters, ...parameters });
    });
    return (rows ?? []).map(({ time, id }) => ({ time, file, id }));
  }

  private afterIn(after: Place | undefined): Conditions {
    if (!after) return NO_CONDITIONS;
    const column = `x.${this.selection.kind.timeColumn}`;
    const { ascending } = this.selection.order;
    const [beyond, orAt] = ascending ? ['>', '>='] : ['<', '<='];
    const { file } = this.block;
    const parameters = { afterTime: after.time };
    if (file === after.file) {
      const sql = [`(${column}, x.id) ${beyond} (@afterTime, @afterId)`];
      return { sql, parameters: { ...parameters, afterId: after.id } };
    }
    const comesLater = ascending ? file > after.file : file < after.file;
    return { sql: [`${column} ${comesLater ? orAt : beyond} @afterTime`], parameters };
  }

  private upTo(end: Place | undefined): Conditions {
    if (!end) return NO_CONDITIONS;
    const column = `x.${this.selection.kind.timeColumn}`;
    const { ascending } = this.selection.order;
    const [before, orAt] = ascending ? ['<', '<='] : ['>', '>='];
    const { file } = this.block;
    const parameters = { endTime: end.time };
    if (file === end.file) {
      const sql = [`(${column}, x.id) ${orAt} (@endTime, @endId)`];
      return { sql, parameters: { ...parameters, endId: end.id } };
    }
    const comesEarlier = ascending ? file < end.file : file > end.file;
    return { sql: [`${column} ${comesEarlier ? orAt : before} @endTime`], parameters };
  }
}

function fromRecords({ table }: { table: string }, index: string | undefined, conditions: readonly string[]): string {
  const where = ['x.workspace_id = @workspace', ...conditions].join(' AND ');
  return `FROM ${table} x ${index === undefined ? 'NOT INDEXED' : `INDEXED BY ${index}`} WHERE ${where}`;
}

export class RecordList<Query extends ListQuery, Item> {
  private readonly selection: RecordSelection<Query>;
  private readonly blocks: Block[];

  constructor(
    private readonly context: ListContext,
    private readonly kind: RecordKind<Query, Item>,
    private readonly query: Query,
  ) {
    const range = timeConditions(`x.${kind.timeColumn}`, query);
    const filters = allOf(
      kind.conditions(query),
      serviceCondition(query.service),
      attributeConditions(query.attributes),
    );
    const order = ordered(NEWEST_FIRST, query.order === 'asc');
    this.selection = { kind, query, order, range, filters };
    this.blocks = this.relevantBlocks();
  }

  page(): Page<Item> {
    const { query, context } = this;
    const { limit } = query;
    const skip = skipOf(query);
    const steps = this.steps(query.after && placeOf(query.after), skip + limit + 1);
    const { items, found, next, partial } = takePage(steps, { limit, skip }, Budget.of(context.pageBudgetMs));
    return {
      items: items.map((place) => this.load(place)).filter((item) => item !== undefined),
      ...(partial ? atLeast(found) : noLessThan(found, this.total())),
      ...(next && { next: withSkip(keysetOf(next.after), next.skip) }),
    };
  }

  private *steps(after: Place | undefined, wanted: number): Generator<Step<Place, Place>> {
    for (const { matches, end } of walk(this.streams(), { order: this.selection.order, after, firstRows: wanted })) {
      for (const match of matches) yield { match };
      if (end !== undefined) yield { lookedTo: end };
    }
  }

  private relevantBlocks(): Block[] {
    const { fromUnixNano: from, toUnixNano: to } = this.query;
    const extent = (block: Block) => this.kind.extent(block)!;
    return this.context.catalog
      .blocks()
      .filter((block) => this.kind.extent(block) !== undefined)
      .filter(
        (block) => (from === undefined || extent(block).max >= from) && (to === undefined || extent(block).min < to),
      );
  }

  private streams(): RecordStream<Query>[] {
    return this.blocks.flatMap((block) =>
      this.runsOf(block).map((run) => new RecordStream(this.context.catalog, this.selection, block, run)),
    );
  }

  /** With the workspace; none where the block has nothing of it. */
  private runsOf({ file }: Block): Conditions[] {
    const runs = this.context.catalog.read(file, (reader) => {
      const workspace = reader.workspaceId(this.query.workspace);
      const ofWorkspace: Conditions = { sql: [], parameters: { workspace } };
      return workspace === undefined ? [] : this.kind.runs(reader, this.query).map((run) => allOf(run, ofWorkspace));
    });
    return runs ?? [];
  }

  private load({ file, id }: Place): Item | undefined {
    return this.context.catalog.read(file, (reader) => this.kind.load(reader, id));
  }

  private total(): Total {
    this.context.budget.start(COUNT_BUDGET_MS);
    return countUpToBound(this.isWhole() ? this.storedCounts() : this.matchingCounts());
  }

  private isWhole(): boolean {
    const { range, filters } = this.selection;
    const { name } = this.query as MetricQuery;
    const { traceId } = this.query as LogQuery;
    return range.sql.length + filters.sql.length === 0 && name === undefined && traceId === undefined;
  }

  private *storedCounts(): Generator<number> {
    const sql = `SELECT ${this.kind.table} AS count FROM workspaces WHERE name = ?`;
    for (const { file } of this.blocks) {
      const row = this.context.catalog.read(file, (reader) =>
        reader.get<{ count: bigint }>(sql, [this.query.workspace]),
      );
      yield Number(row?.count ?? 0);
    }
  }

  private *matchingCounts(): Generator<number> {
    for (const block of this.blocks) for (const run of this.runsOf(block)) yield this.countIn(block, run);
  }

  private countIn({ file }: Block, run: Conditions): number {
    const { kind, query, range, filters } = this.selection;
    const { sql, parameters } = allOf(run, range, filters);
    const row = this.context.catalog.read(file, (reader) => {
      const from = fromRecords(kind, kind.index(query, reader), [...sql, 'within_budget()']);
      const select = `SELECT count(*) AS count FROM (SELECT 1 ${from} LIMIT ${COUNT_BOUND + 1})`;
      return reader.get<{ count: bigint }>(select, parameters);
    });
    return Number(row?.count ?? 0);
  }
}

function keysetOf({ time, file, id }: Place): Keyset {
  return { timeUnixNano: unsigned(time), id: `${file}/${id}` };
}

function placeOf({ timeUnixNano, id }: Keyset): Place {
  const match = /^([\d-]+\.db)\/(-?\d{1,18})$/.exec(id);
  if (!match) throw new GatewayError('BAD_REQUEST', 'The position in the list is malformed');
  return { time: signed(timeUnixNano), file: match[1]!, id: BigInt(match[2]!) };
}
