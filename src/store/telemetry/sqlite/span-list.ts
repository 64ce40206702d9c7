/** Pages of the spans of one trace, by start time, each span once in its newest version. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page, SpanQuery, StoredSpan } from '../telemetry.js';
import type { Catalog } from './catalog.js';
import { allOf, attributeConditions, type Conditions, serviceCondition, timeConditions } from './conditions.js';
import { byStart, type SpanPlace } from './span-places.js';
import { signed, spanIdKeys, unsigned } from './trace-groups.js';
import { byRevision, hasDuplicates, type Share } from './trace-summary.js';

type Position = Pick<SpanPlace, 'start_time_unix_nano' | 'span_id'>;

/** Finds the place of every match before it reads the spans of one page: places lie before all that is wide. */
export function listSpans(catalog: Catalog, shares: readonly Share[], query: SpanQuery): Page<StoredSpan> {
  const places = matching(catalog, shares, query);
  const begin = beginOf(places, query) + (query.offset ?? 0);
  const page = places.slice(begin, begin + query.limit);
  const isLast = begin + query.limit >= places.length;
  return {
    items: page.flatMap(({ file, id }) => catalog.read(file, (block) => block.spans(id, 1n)) ?? []),
    total: places.length,
    totalRelation: 'eq',
    ...(!isLast && page.length > 0 && { next: keysetOf(page.at(-1)!) }),
  };
}

/** In the order of the query. */
function matching(catalog: Catalog, shares: readonly Share[], query: SpanQuery): SpanPlace[] {
  const conditions = spanConditions(query);
  const newest = hasDuplicates(shares) ? newestCopies(shares) : undefined;
  const found: SpanPlace[] = [];
  for (const { file, first_span: first, span_count: count } of shares) {
    for (const place of catalog.read(file, (block) => block.spanPlaces(first, count, conditions)) ?? []) {
      if (newest?.has(nameOf(file, place.id)) ?? true) found.push({ ...place, file });
    }
  }
  found.sort(byStart);
  return query.order === 'asc' ? found : found.reverse();
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

function beginOf(places: readonly SpanPlace[], { after, order }: SpanQuery): number {
  if (!after) return 0;
  const position = positionOf(after);
  const isBeyond = (place: SpanPlace) =>
    order === 'asc' ? byStart(place, position) > 0 : byStart(place, position) < 0;
  const at = places.findIndex(isBeyond);
  return at < 0 ? places.length : at;
}

function keysetOf({ start_time_unix_nano: start, span_id: id }: SpanPlace): Keyset {
  return { timeUnixNano: unsigned(start), id: id.toString('hex') };
}

function positionOf({ timeUnixNano, id }: Keyset): Position {
  if (!/^[0-9a-f]{16}$/.test(id))
    throw new GatewayError('BAD_REQUEST', 'The position in the list of spans is malformed');
  return { start_time_unix_nano: signed(timeUnixNano), span_id: Buffer.from(id, 'hex') };
}
