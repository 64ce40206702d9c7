/** A page of a list: its rows and, beside them, how many there are in all. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import { COUNT_BUDGET_MS } from '../budgets.js';
import type { ListQuery } from '../telemetry.js';
import type { Conditions } from './conditions.js';
import type { Queries } from './queries.js';
import { signed, unsigned } from './time.js';

/** FROM and WHERE without the place in the list. */
export interface Matching {
  from: string;
  conditions: Conditions;
}

export interface PageQuery {
  /** Made anew for each use, as is `walked`. */
  matching(): Matching;
  /**
   * The rows that the list goes by, in the order of an index, before each is asked whether it matches: slices are measured
   * in them, so that a slice's work is bounded however few match. Absent when those that come into question are few.
   */
  walked?: (() => Matching) | undefined;
  /** What the page selects. */
  columns: string;
  order: {
    time: string;
    tie: string;
    tieType: TieType;
    /** Rows of one time stand by their tie, against the direction of time when an index of the newest first has it so. */
    tieRuns: 'with time' | 'against time';
  };
  /** All that match are few enough to be counted to the last, however long it takes. */
  countsAll?: boolean;
}

type TieType = 'uuid' | 'bigint' | 'bytea' | 'text';

/** Where a row stands: by time in the order of the query, then by the tie. */
interface Place {
  slice_time: bigint;
  slice_tie: string;
}

export interface RowPage<Row> extends Omit<Page<never>, 'items'> {
  rows: Row[];
}

export interface ListSource {
  queries: Queries;
  /** How long a list may look for its page. */
  pageBudgetMs: number;
}

/** Rows are counted up to here: nobody reads a greater number. */
const MAX_COUNTED = 10_000;

export async function readPage<Row extends object>(
  source: ListSource,
  query: PageQuery,
  wanted: ListQuery,
): Promise<RowPage<Row>> {
  const counting = query.countsAll ? countAll(source, query) : count(source, query);
  const [found, counted] = await Promise.all([new PageSearch<Row>(source, query, wanted).run(), counting]);
  const rows = found.rows.slice(0, wanted.limit);
  const total = found.partial || counted === undefined ? atLeast(wanted, found.rows.length) : totalOf(counted, query);
  const next = nextOf(found, wanted.limit, query);
  return { rows, ...total, ...(next && { next }) };
}

interface Found<Row> {
  /** One more than the page has, when there is a next. */
  rows: (Row & Place)[];
  /** The budget ended before the page was full. */
  partial: boolean;
  /** Where it ended, and how many rows are still to be skipped there. */
  reached: Place | undefined;
  skip: number;
}

function nextOf({ rows, reached, skip }: Found<object>, limit: number, query: PageQuery): Keyset | undefined {
  if (rows.length > limit) return keysetOf(rows[limit - 1]!, query);
  return reached && { ...keysetOf(reached, query), ...(skip > 0 && { skip }) };
}

function keysetOf({ slice_time: time, slice_tie: tie }: Place, { order }: PageQuery): Keyset {
  return { timeUnixNano: unsigned(time), id: TIES[order.tieType].idOf(tie) };
}

/** How a tie stands in a keyset, and as Postgres writes it. */
const TIES: Record<TieType, { isId(id: string): boolean; idOf(tie: string): string; tieOf(id: string): string }> = {
  uuid: { isId: (id) => /^[0-9a-f]{32}$/.test(id), idOf: (tie) => tie.replaceAll('-', ''), tieOf: (id) => id },
  text: { isId: (id) => !id.includes('\0'), idOf: (tie) => tie, tieOf: (id) => id },
  bytea: { isId: (id) => /^[0-9a-f]{16}$/.test(id), idOf: (tie) => tie.slice(2), tieOf: (id) => `\\x${id}` },
  bigint: {
    isId: (id) => /^-?\d{1,19}$/.test(id) && BigInt.asIntN(64, BigInt(id)) === BigInt(id),
    idOf: (tie) => tie,
    tieOf: (id) => id,
  },
};

function placeOf({ timeUnixNano, id }: Keyset, { order }: PageQuery): Place {
  const { isId, tieOf } = TIES[order.tieType];
  if (!isId(id)) throw new GatewayError('BAD_REQUEST', 'The position in the list is malformed');
  return { slice_time: signed(timeUnixNano), slice_tie: tieOf(id) };
}

const MIN_SLICE_ROWS = 16;
const MAX_SLICE_ROWS = 65_536;
/** A slice that takes less is followed by a larger one, one that takes more by a smaller one. */
const SHORT_SLICE_MS = 50;
const LONG_SLICE_MS = 250;

/** Goes down the list slice by slice, each a bounded statement, until the page is full or the budget is spent. */
class PageSearch<Row extends object> {
  private readonly rows: (Row & Place)[] = [];
  private after: Place | undefined;
  private skip: number;

  constructor(
    private readonly source: ListSource,
    private readonly query: PageQuery,
    private readonly wanted: ListQuery,
  ) {
    this.after = wanted.after && placeOf(wanted.after, query);
    this.skip = wanted.offset ?? wanted.after?.skip ?? 0;
  }

  async run(): Promise<Found<Row>> {
    const deadline = performance.now() + this.source.pageBudgetMs;
    let sliceRows = Math.max(this.skip + this.wanted.limit + 1, MIN_SLICE_ROWS);
    for (;;) {
      const begun = performance.now();
      const end = await this.endOfSlice(sliceRows);
      await this.lookTo(end);
      if (end === undefined || this.missing() === 0) return this.found(false, undefined);
      if (performance.now() >= deadline) return this.found(true, end);
      this.after = end;
      sliceRows = nextSliceRows(sliceRows, performance.now() - begun);
    }
  }

  private found(partial: boolean, reached: Place | undefined): Found<Row> {
    return { rows: this.rows, partial, reached, skip: this.skip };
  }

  /** One more than the page, to know whether there is a next. */
  private missing(): number {
    return this.wanted.limit + 1 - this.rows.length;
  }

  private async lookTo(end: Place | undefined): Promise<void> {
    if (this.skip > 0) await this.skipTo(end);
    if (this.skip === 0) this.rows.push(...(await this.select<Row & Place>(this.query.columns, end, this.missing())));
  }

  private async skipTo(end: Place | undefined): Promise<void> {
    const skipped = await this.select<Place>(undefined, end, this.skip);
    this.skip -= skipped.length;
    if (this.skip === 0) this.after = skipped.at(-1)!;
  }

  /** Where the slice of so many rows ends; undefined when it ends the list. */
  private async endOfSlice(rows: number): Promise<Place | undefined> {
    if (!this.query.walked) return undefined;
    const matching = this.query.walked();
    const { conditions } = matching;
    this.addAfter(conditions);
    const sql = `${this.selectFrom(undefined, matching)} offset ${conditions.value(rows - 1)} limit 1`;
    return (await this.source.queries.rowsInOrder<Place>(sql, conditions.values))[0];
  }

  private async select<Selected extends object>(
    columns: string | undefined,
    end: Place | undefined,
    limit: number,
  ): Promise<Selected[]> {
    const matching = this.query.matching();
    const { conditions } = matching;
    this.addAfter(conditions);
    if (end) this.addEnd(conditions, end);
    const sql = `${this.selectFrom(columns, matching)} limit ${conditions.value(limit)}`;
    const { queries } = this.source;
    return (this.query.walked ? queries.rowsInOrder : queries.rows)<Selected>(sql, conditions.values);
  }

  private selectFrom(columns: string | undefined, { from, conditions }: Matching): string {
    const { time, tie } = this.query.order;
    const selected = [...(columns ? [columns] : []), `${time} as slice_time`, `${tie}::text as slice_tie`].join(', ');
    const order = `${time} ${this.timeRises ? '' : 'desc'}, ${tie} ${this.tieRises ? '' : 'desc'}`;
    return `select ${selected} from ${from} where ${conditions.sql} order by ${order}`;
  }

  private get timeRises(): boolean {
    return this.wanted.order === 'asc';
  }

  private get tieRises(): boolean {
    return this.timeRises === (this.query.order.tieRuns === 'with time');
  }

  /** Written so that the index finds the place. */
  private addAfter(conditions: Conditions): void {
    if (!this.after) return;
    const { time, tie, tieType } = this.query.order;
    const { slice_time: at, slice_tie: id } = this.after;
    const [later, further] = [this.timeRises ? '>' : '<', this.tieRises ? '>' : '<'];
    conditions.add(`${time} ${later}= ? and (${time} ${later} ? or ${tie} ${further} ?::${tieType})`, at, at, id);
  }

  private addEnd(conditions: Conditions, { slice_time: at, slice_tie: id }: Place): void {
    const { time, tie, tieType } = this.query.order;
    const [earlier, before] = [this.timeRises ? '<' : '>', this.tieRises ? '<' : '>'];
    conditions.add(`${time} ${earlier}= ? and (${time} ${earlier} ? or ${tie} ${before}= ?::${tieType})`, at, at, id);
  }
}

function nextSliceRows(rows: number, tookMs: number): number {
  if (tookMs < SHORT_SLICE_MS) return Math.min(rows * 4, MAX_SLICE_ROWS);
  return tookMs > LONG_SLICE_MS ? Math.max(rows >> 1, MIN_SLICE_ROWS) : rows;
}

async function count({ queries }: ListSource, query: PageQuery): Promise<number | undefined> {
  const { from, conditions } = query.matching();
  // One more than is counted tells that there are more.
  const sql = `select count(*)::int as total from
    (select 1 from ${from} where ${conditions.sql} limit ${MAX_COUNTED + 1}) as counted`;
  const rows = await queries.rowsWithin<{ total: number }>(COUNT_BUDGET_MS, sql, conditions.values);
  return rows?.[0]?.total;
}

async function countAll({ queries }: ListSource, query: PageQuery): Promise<number> {
  const { from, conditions } = query.matching();
  const sql = `select count(*)::int as total from ${from} where ${conditions.sql}`;
  const [row] = await queries.rows<{ total: number }>(sql, conditions.values);
  return row!.total;
}

function totalOf(counted: number, { countsAll }: PageQuery): Pick<Page<never>, 'total' | 'totalRelation'> {
  if (counted > MAX_COUNTED && !countsAll) return { total: MAX_COUNTED, totalRelation: 'gte' };
  return { total: counted, totalRelation: 'eq' };
}

/** What the page itself shows, when counting took too long. */
function atLeast({ offset = 0 }: ListQuery, found: number): Pick<Page<never>, 'total' | 'totalRelation'> {
  return { total: found === 0 ? 0 : offset + found, totalRelation: 'gte' };
}
