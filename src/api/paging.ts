/** Paging of every list: `page` and `limit` for clients that count pages, `cursor` for those that follow a list. */
import { z } from 'zod';
import { GatewayError } from '../errors.js';
import type { Keyset, Page } from '../store/page.js';
import { validationError } from './validation.js';

/** An offset costs the store all the rows it skips; a cursor costs nothing. */
const MAX_OFFSET_ROWS = 10_000;
const FOLLOW_CURSOR = `times "limit" must be less than or equal to ${MAX_OFFSET_ROWS}: follow "nextCursor" with "cursor"`;

export const pagingParameters = {
  page: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .meta({ description: `page × limit ends at ${MAX_OFFSET_ROWS}` }),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z
    .string()
    .optional()
    .meta({
      description:
        'nextCursor of the answer before. A list looks for about a second: when its filters match rarely, an answer may ' +
        'have fewer items than "limit", or none, and a nextCursor that goes on where it stopped',
    }),
};

interface PagingQuery {
  page: number;
  limit: number;
  cursor?: string | undefined;
}

/** Which list a cursor is of: one can't be followed in another. */
export type CursorKind =
  | ('trace' | 'span' | 'log' | 'native' | 'metric' | 'generation' | 'session' | 'user')
  | ('key' | 'audit' | 'run' | 'workspace' | 'price' | 'repricing');

export function encodeCursor(kind: CursorKind, { timeUnixNano, id, skip }: Keyset): string {
  const skipped = skip ? `+${skip}` : '';
  return Buffer.from(`${kind}:${timeUnixNano}${skipped}:${id}`).toString('base64url');
}

export function decodeCursor(kind: CursorKind, cursor: string): Keyset | undefined {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const [, of, time, skip, id] = /^([a-z]+):(\d{1,20})(?:\+(\d{1,5}))?:(.{1,1024})$/s.exec(text) ?? [];
  if (of !== kind || time === undefined || id === undefined || Number(skip) > MAX_OFFSET_ROWS) return undefined;
  const keyset = { timeUnixNano: BigInt(time), id, ...(skip !== undefined && { skip: Number(skip) }) };
  // Buffer skips what is not base64url: only what encodes back to the same text was ever handed out.
  return encodeCursor(kind, keyset) === cursor ? keyset : undefined;
}

export type Paging = { limit: number } & ({ after: Keyset } | { offset: number });

export function readPaging(kind: CursorKind, { page, limit, cursor }: PagingQuery): Paging {
  if (cursor === undefined) {
    if (page * limit > MAX_OFFSET_ROWS) throw validationError([`"page" ${FOLLOW_CURSOR}`]);
    return { limit, offset: (page - 1) * limit };
  }
  const after = decodeCursor(kind, cursor);
  const faults = [
    ...(after ? [] : ['"cursor" must be the nextCursor of an answer to this endpoint']),
    ...(page === 1 ? [] : ['"page" conflicts with "cursor"']),
  ];
  if (!after || faults.length > 0) throw validationError(faults);
  return { limit, after };
}

/** The answer of a list; `items` documents one of them. */
export function pageSchema<Item extends z.ZodType>(items: Item) {
  return z.object({
    items: z.array(items),
    total: z.int().min(0),
    totalRelation: z
      .enum(['eq', 'gte'])
      .describe('gte: there are as many at least: more than were counted, or than were looked at'),
    page: z.int(),
    limit: z.int(),
    totalPages: z.int(),
    nextCursor: z
      .string()
      .nullable()
      .describe('null on the last page; a page that is not full may have one, and so may an empty one'),
  });
}

export function renderPage<Item>(
  kind: CursorKind,
  query: PagingQuery,
  page: Page<Item>,
  renderItem: (item: Item) => string,
): string {
  const { items, total, totalRelation, next } = page;
  const nextCursor = next ? JSON.stringify(encodeCursor(kind, next)) : 'null';
  return (
    `{"items":[${items.map(renderItem).join(',')}],"total":${total},"totalRelation":"${totalRelation}",` +
    `"page":${query.page},"limit":${query.limit},"totalPages":${Math.ceil(total / query.limit)},` +
    `"nextCursor":${nextCursor}}`
  );
}

/** The answer of a list's `/count`, which takes the list's filters. */
export const countPageSchema = z
  .object({
    count: z.int().min(0),
    countRelation: z.enum(['eq', 'gte']).describe('gte: there are as many at least'),
  })
  .meta({ id: 'Count' });

/** What a page of one says of how many there are. */
export const COUNTING = { limit: 1, offset: 0 } as const;

export function renderCount({ total, totalRelation }: Pick<Page<unknown>, 'total' | 'totalRelation'>): string {
  return `{"count":${total},"countRelation":"${totalRelation}"}`;
}

/** The next page of an answer whose body has no place for a cursor, as RFC 8288 writes it; undefined on the last. */
export function nextLink<Item>(kind: CursorKind, url: string, { next }: Page<Item>): string | undefined {
  if (!next) return undefined;
  const query = new URLSearchParams(url.split('?')[1]);
  query.delete('page');
  query.set('cursor', encodeCursor(kind, next));
  return `<?${query}>; rel="next"`;
}

export function requireFound<Found>(found: Found | undefined, resource: string): Found {
  if (found === undefined) throw new GatewayError('NOT_FOUND', `${resource} not found`);
  return found;
}
