/** Pages of the spans of one trace, by start time, each span once in its newest version. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import type { SpanQuery, StoredSpan } from '../telemetry.js';
import type { Catalog } from './catalog.js';
import { allOf, attributeConditions, type Conditions, serviceCondition, timeConditions } from './conditions.js';
import { byStart, inOrder, type SpanPlace, type SpanPlaces, toSpanPlaces } from './span-places.js';
import { signed, spanIdKeys, unsigned } from './trace-groups.js';
import { byRevision, hasDuplicates, type Share } from './trace-summary.js';

/** In each reading thread: 26 bytes each. */
const MAX_REMEMBERED_SPANS = 500_000;
/** The order of a smaller trace is found anew for each page. */
const MIN_REMEMBERED_SPANS = 2000;

type Position = Pick<SpanPlace, 'start_time_unix_nano' | 'span_id'>;

/** Matches by start time, then span id. */
interface SpanOrder {
  places: SpanPlaces;
  starts: BigInt64Array;
  /** 8 bytes each. */
  spanIds: Buffer;
}

/**
 * Finds the place of every match before it reads the spans of one page: places lie before all that is wide. Of large traces
 * it remembers them, for the pages that follow.
 */
export class SpanLists {
  /** Least recently used first. */
  private readonly remembered = new Map<string, SpanOrder>();

  constructor(private readonly catalog: Catalog) {}

  page(shares: readonly Share[], query: SpanQuery): Page<StoredSpan> {
    const order = this.orderOf(shares, query);
    const total = order.starts.length;
    const begin = beginOf(order, query) + (query.offset ?? 0);
    const end = Math.min(begin + query.limit, total);
    const found = Array.from({ length: Math.max(end - begin, 0) }, (_, at) => begin + at);
    const indexes = query.order === 'asc' ? found : found.map((at) => total - 1 - at);
    return {
      items: indexes.flatMap((at) => this.load(order.places, at)),
      total,
      totalRelation: 'eq',
      ...(end < total && indexes.length > 0 && { next: keysetOf(order, indexes.at(-1)!) }),
    };
  }

  private load({ files, fileOf, ids }: SpanPlaces, at: number): StoredSpan[] {
    return this.catalog.read(files[fileOf[at]!]!, (block) => block.spans(ids[at]!, 1n)) ?? [];
  }

  private orderOf(shares: readonly Share[], query: SpanQuery): SpanOrder {
    const spans = shares.reduce((sum, share) => sum + Number(share.span_count), 0);
    if (spans < MIN_REMEMBERED_SPANS) return findOrder(this.catalog, shares, query);
    const key = nameOfList(shares, query);
    const order = this.remembered.get(key) ?? findOrder(this.catalog, shares, query);
    this.remembered.delete(key);
    this.remembered.set(key, order);
    this.forgetOldest();
    return order;
  }

  private forgetOldest(): void {
    let spans = 0;
    for (const order of this.remembered.values()) spans += sizeOf(order);
    for (const [key, order] of this.remembered) {
      if (spans <= MAX_REMEMBERED_SPANS) return;
      spans -= sizeOf(order);
      this.remembered.delete(key);
    }
  }
}

/** In spans. An order without matches takes room as well: its name tells every batch of the trace. */
function sizeOf({ starts }: SpanOrder): number {
  return starts.length + MIN_REMEMBERED_SPANS;
}

/** Another when the trace has got, or lost, a batch: rows of batches don't change, and their ids aren't given twice. */
function nameOfList(shares: readonly Share[], query: SpanQuery): string {
  const { workspace, traceId, name, kind, statusCode, service, attributes, fromUnixNano, toUnixNano } = query;
  const times = [fromUnixNano, toUnixNano].map(String);
  const filters = [name, kind, statusCode, service, attributes].map((filter) => filter ?? null);
  const batches = shares.map(({ file, id }) => nameOf(file, id));
  return JSON.stringify([workspace, Buffer.from(traceId).toString('hex'), times, filters, batches]);
}

function findOrder(catalog: Catalog, shares: readonly Share[], query: SpanQuery): SpanOrder {
  const places = inOrder(matching(catalog, shares, query));
  return {
    places: toSpanPlaces(places),
    starts: BigInt64Array.from(places, (place) => place.start_time_unix_nano),
    spanIds: Buffer.concat(places.map((place) => place.span_id)),
  };
}

function matching(catalog: Catalog, shares: readonly Share[], query: SpanQuery): SpanPlace[] {
  const conditions = spanConditions(query);
  const newest = hasDuplicates(shares) ? newestCopies(shares) : undefined;
  const found: SpanPlace[] = [];
  for (const { file, first_span: first, span_count: count } of shares) {
    for (const place of catalog.read(file, (block) => block.spanPlaces(first, count, conditions)) ?? []) {
      if (newest?.has(nameOf(file, place.id)) ?? true) found.push({ ...place, file });
    }
  }
  return found;
}

function spanConditions(query: SpanQuery): Conditions {
  const own: Conditions = { sql: [], parameters: {} };
  const add = (column: string, value: unknown) => {
    if (value === undefined) return;
    own.sql.push(`x.${column} = @${column}`);
    own.parameters[column] = value;
  };
  add('name', query.name);
  add('kind', query.kind);
  add('status_code', query.statusCode);
  const time = timeConditions('x.start_time_unix_nano', query);
  return allOf(own, time, serviceCondition(query.service), attributeConditions(query.attributes));
}

/** The rows that count, by the ids that the shares keep: no span is read. */
export function newestCopies(shares: readonly Share[]): ReadonlySet<string> {
  const newest = new Map<string, string>();
  for (const { file, first_span: first, span_ids: ids } of byRevision(shares)) {
    for (const [at, key] of spanIdKeys(ids).entries()) newest.set(key, nameOf(file, first + BigInt(at)));
  }
  return new Set(newest.values());
}

export function nameOf(file: string, id: bigint): string {
  return `${file}/${id}`;
}

function beginOf(order: SpanOrder, query: SpanQuery): number {
  if (!query.after) return 0;
  const position = positionOf(query.after);
  const isAscending = query.order === 'asc';
  const at = firstIndex(order.starts.length, (index) => {
    const compared = byStart(positionAt(order, index), position);
    return isAscending ? compared > 0 : compared >= 0;
  });
  return isAscending ? at : order.starts.length - at;
}

/** The first index that `test` holds for; it holds for all after it. */
function firstIndex(length: number, test: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function positionAt({ starts, spanIds }: SpanOrder, at: number): Position {
  return { start_time_unix_nano: starts[at]!, span_id: spanIds.subarray(at * 8, at * 8 + 8) };
}

function keysetOf(order: SpanOrder, at: number): Keyset {
  const { start_time_unix_nano: start, span_id: id } = positionAt(order, at);
  return { timeUnixNano: unsigned(start), id: id.toString('hex') };
}

function positionOf({ timeUnixNano, id }: Keyset): Position {
  if (!/^[0-9a-f]{16}$/.test(id))
    throw new GatewayError('BAD_REQUEST', 'The position in the list of spans is malformed');
  return { start_time_unix_nano: signed(timeUnixNano), span_id: Buffer.from(id, 'hex') };
}
