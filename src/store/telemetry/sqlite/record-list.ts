/** Log records and metric points newest first: the newest of each block by its time index, merged. */
import { GatewayError } from '../../../errors.js';
import type {
  Keyset,
  ListQuery,
  LogQuery,
  MetricQuery,
  Page,
  StoredLogRecord,
  StoredMetricPoint,
} from '../telemetry.js';
import type { BlockReader, Extent } from './block-reader.js';
import type { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import {
  allOf,
  attributeConditions,
  type Conditions,
  logConditions,
  serviceCondition,
  timeConditions,
} from './conditions.js';
import { COUNT_BOUND, COUNT_BUDGET_MS, countUpToBound, type Total } from './list-page.js';
import { signed, unsigned } from './trace-groups.js';

/** What differs between the two kinds of record. */
interface RecordKind<Query extends ListQuery, Item> {
  table: 'log_records' | 'metric_points';
  timeColumn: string;
  /** The index to go by: without statistics SQLite may take the one by time where few rows match. */
  index(query: Query): string;
  extent(block: Block): Extent | undefined;
  /** Those of this kind alone; time, service and attributes are common. */
  conditions(query: Query): Conditions;
  /** Read one after another and merged: a filter that is an index key gives a run of rows for each of its values. */
  runs(reader: BlockReader, query: Query): Conditions[];
  load(reader: BlockReader, id: bigint): Item;
}

const NO_CONDITIONS: Conditions = { sql: [], parameters: {} };

const LOG_RECORDS: RecordKind<LogQuery, StoredLogRecord> = {
  table: 'log_records',
  timeColumn: 'log_time',
  index: ({ traceId }) => (traceId ? 'log_records_by_trace' : 'log_records_by_time'),
  extent: ({ logRecords }) => logRecords,
  conditions: logConditions,
  runs: () => [NO_CONDITIONS],
  load: (reader, id) => reader.logRecord(id),
};

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

export function listLogs(catalog: Catalog, budget: Budget, query: LogQuery): Page<StoredLogRecord> {
  return new RecordList(catalog, LOG_RECORDS, query).page(budget);
}

export function listMetricPoints(catalog: Catalog, budget: Budget, query: MetricQuery): Page<StoredMetricPoint> {
  return new RecordList(catalog, METRIC_POINTS, query).page(budget);
}

class RecordList<Query extends ListQuery, Item> {
  private readonly conditions: Conditions;
  private readonly after: Place | undefined;
  /** Latest first. */
  private readonly blocks: Block[];

  constructor(
    private readonly catalog: Catalog,
    private readonly kind: RecordKind<Query, Item>,
    private readonly query: Query,
  ) {
    this.conditions = allOf(
      timeConditions(`x.${kind.timeColumn}`, query),
      kind.conditions(query),
      serviceCondition(query.service),
      attributeConditions(query.attributes),
    );
    this.after = query.after && placeOf(query.after);
    this.blocks = this.relevantBlocks();
  }

  page(budget: Budget): Page<Item> {
    const { limit, offset = 0 } = this.query;
    const wanted = offset + limit + 1;
    const found = this.newest(wanted);
    const places = found.slice(offset, offset + limit);
    const last = found.length === wanted ? places.at(-1) : undefined;
    const items = places.map((place) => this.load(place)).filter((item) => item !== undefined);
    budget.start(COUNT_BUDGET_MS);
    return { items, ...this.total(), ...(last ? { next: keysetOf(last) } : {}) };
  }

  private relevantBlocks(): Block[] {
    const { fromUnixNano: from, toUnixNano: to } = this.query;
    const extent = (block: Block) => this.kind.extent(block)!;
    return this.catalog
      .blocks()
      .filter((block) => this.kind.extent(block) !== undefined)
      .filter(
        (block) => (from === undefined || extent(block).max >= from) && (to === undefined || extent(block).min < to),
      )
      .sort((a, b) => (extent(a).max < extent(b).max ? 1 : -1));
  }

  /** Ends at the first block that has nothing as new as what was found. */
  private newest(wanted: number): Place[] {
    let found: Place[] = [];
    for (const block of this.blocks) {
      const last = found[wanted - 1];
      if (last && last.time > this.kind.extent(block)!.max) break;
      found = [...found, ...this.placesIn(block, wanted)].sort(compare).slice(0, wanted);
    }
    return found;
  }

  private placesIn({ file }: Block, limit: number): Place[] {
    const { timeColumn } = this.kind;
    const after = this.afterIn(file);
    const rows = this.eachRun(file, (reader, run) => {
      const { sql, parameters } = allOf(this.conditions, run, after);
      const select = `SELECT x.${timeColumn} AS time, x.id ${this.from(sql)} ORDER BY x.${timeColumn} DESC, x.id DESC LIMIT @limit`;
      return reader.all<{ time: bigint; id: bigint }>(select, { ...parameters, limit });
    });
    return rows.flat().map(({ time, id }) => ({ time, file, id }));
  }

  private afterIn(file: string): Conditions {
    if (!this.after) return NO_CONDITIONS;
    const { time, file: afterFile, id } = this.after;
    const column = `x.${this.kind.timeColumn}`;
    if (file === afterFile)
      return { sql: [`(${column}, x.id) < (@afterTime, @afterId)`], parameters: { afterTime: time, afterId: id } };
    return { sql: [`${column} ${file < afterFile ? '<=' : '<'} @afterTime`], parameters: { afterTime: time } };
  }

  private from(conditions: readonly string[]): string {
    const where = ['x.workspace_id = @workspace', ...conditions, 'within_budget()'].join(' AND ');
    return `FROM ${this.kind.table} x INDEXED BY ${this.kind.index(this.query)} WHERE ${where}`;
  }

  private eachRun<Result>(file: string, read: (reader: BlockReader, run: Conditions) => Result): Result[] {
    const results = this.catalog.read(file, (reader) => {
      const workspace = reader.workspaceId(this.query.workspace);
      if (workspace === undefined) return [];
      return this.kind
        .runs(reader, this.query)
        .map((run) => read(reader, allOf(run, { sql: [], parameters: { workspace } })));
    });
    return results ?? [];
  }

  private load({ file, id }: Place): Item | undefined {
    return this.catalog.read(file, (reader) => this.kind.load(reader, id));
  }

  private total(): Total {
    return countUpToBound(this.isWhole() ? this.storedCounts() : this.matchingCounts());
  }

  private isWhole(): boolean {
    const { name } = this.query as MetricQuery;
    return this.conditions.sql.length === 0 && name === undefined;
  }

  private *storedCounts(): Generator<number> {
    const sql = `SELECT ${this.kind.table} AS count FROM workspaces WHERE name = ?`;
    for (const { file } of this.blocks) {
      const row = this.catalog.read(file, (reader) => reader.get<{ count: bigint }>(sql, [this.query.workspace]));
      yield Number(row?.count ?? 0);
    }
  }

  private *matchingCounts(): Generator<number> {
    for (const { file } of this.blocks) {
      const counts = this.eachRun(file, (reader, run) => {
        const { sql, parameters } = allOf(this.conditions, run);
        const select = `SELECT count(*) AS count FROM (SELECT 1 ${this.from(sql)} LIMIT ${COUNT_BOUND + 1})`;
        return Number(reader.get<{ count: bigint }>(select, parameters)!.count);
      });
      yield* counts;
    }
  }
}

function keysetOf({ time, file, id }: Place): Keyset {
  return { timeUnixNano: unsigned(time), id: `${file}/${id}` };
}

function placeOf({ timeUnixNano, id }: Keyset): Place {
  const match = /^([\d-]+\.db)\/(\d{1,18})$/.exec(id);
  if (!match) throw new GatewayError('BAD_REQUEST', 'The position in the list is malformed');
  return { time: signed(timeUnixNano), file: match[1]!, id: BigInt(match[2]!) };
}
