import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { Page } from '../page.js';
import type { ControlSchema } from './schema.js';

/** Further than this, a total is only known to be more. */
const MAX_COUNTED = 10_000;

export type Count = Pick<Page<unknown>, 'total' | 'totalRelation'>;

export async function countUpToBound<Table extends keyof ControlSchema>(
  db: Kysely<ControlSchema>,
  rows: SelectQueryBuilder<ControlSchema, Table, object>,
): Promise<Count> {
  const some = rows
    .select(sql<number>`1`.as('one'))
    .limit(MAX_COUNTED + 1)
    .as('some');
  const counted = db.selectFrom(some).select((e) => e.fn.countAll<number>().as('total'));
  const { total } = await counted.executeTakeFirstOrThrow();
  return total > MAX_COUNTED ? { total: MAX_COUNTED, totalRelation: 'gte' } : { total, totalRelation: 'eq' };
}
