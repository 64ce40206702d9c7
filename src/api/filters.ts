/** Query parameters that every telemetry list takes, and how they become a ListQuery. */
import { z } from 'zod';
import type { ListQuery } from '../store/telemetry/telemetry.js';
import { type CursorKind, pagingParameters, readPaging } from './paging.js';
import { timeParameter, unixNanoParameter } from './time.js';
import { validationError } from './validation.js';

const PAIR = 'must be written key=value';

type AttributeFilter = { key: string; value: string };

/** `attribute=key=value`: the same filter for shells and tools that choke on brackets; the key ends at the first `=`. */
const attributePairs = z
  .union([z.string(), z.array(z.string())])
  .transform((given, context): AttributeFilter[] =>
    [given].flat().map((pair) => {
      const end = pair.indexOf('=');
      if (end <= 0) context.addIssue({ code: 'custom', message: PAIR });
      return { key: pair.slice(0, end), value: pair.slice(end + 1) };
    }),
  )
  .meta({
    description: 'key=value; may be repeated, then all must hold. Values of 4,096 characters or more may not be found',
  });

export const attributeMap = z
  .record(z.string(), z.union([z.string(), z.array(z.string())]))
  .transform((map): AttributeFilter[] =>
    Object.entries(map).flatMap(([key, values]) => [values].flat().map((value) => ({ key, value }))),
  )
  .meta({
    description:
      'attributes[key]=value; may be repeated, then all must hold. Values of 4,096 characters or more may not be found',
    style: 'deepObject',
    explode: true,
  });

/** What narrows a list, apart from paging: its `/count` takes the same. */
export const filterParameters = {
  from: timeParameter('Not before').optional(),
  to: timeParameter('Before').optional(),
  from_unix_nano: unixNanoParameter('Not before').optional(),
  to_unix_nano: unixNanoParameter('Before').optional(),
  service: z.string().min(1).optional().meta({ description: 'service.name' }),
  attributes: attributeMap.optional(),
  attribute: attributePairs.optional(),
};

export const listParameters = {
  ...pagingParameters,
  order: z.enum(['asc', 'desc']).optional().meta({ description: 'By time; newest first when it is absent' }),
  ...filterParameters,
};

const filterQuery = z.object(filterParameters);
type Filters = z.infer<typeof filterQuery>;
const listQuery = z.object(listParameters);
type ListParameters = z.infer<typeof listQuery>;

function bound(query: Filters, name: 'from' | 'to', faults: string[]): bigint | undefined {
  const nanos = query[`${name}_unix_nano`];
  if (query[name] !== undefined && nanos !== undefined) faults.push(`"${name}" conflicts with "${name}_unix_nano"`);
  return query[name] ?? nanos;
}

/** Throws VALIDATION_FAILED for what only shows between parameters. */
export function readFilters(workspace: string, query: Filters): Omit<ListQuery, 'limit'> {
  const faults: string[] = [];
  const fromUnixNano = bound(query, 'from', faults);
  const toUnixNano = bound(query, 'to', faults);
  if (faults.length > 0) throw validationError(faults);
  const attributes = [...(query.attributes ?? []), ...(query.attribute ?? [])];
  return {
    workspace,
    ...(fromUnixNano !== undefined && { fromUnixNano }),
    ...(toUnixNano !== undefined && { toUnixNano }),
    ...(query.service !== undefined && { service: query.service }),
    ...(attributes.length > 0 && { attributes }),
  };
}

/** Throws VALIDATION_FAILED as well. */
export function readListQuery(kind: CursorKind, workspace: string, query: ListParameters): ListQuery {
  const { order } = query;
  return { ...readFilters(workspace, query), ...readPaging(kind, query), ...(order !== undefined && { order }) };
}
