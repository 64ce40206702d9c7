/** Paging by page number alone, of lists that are small enough to be counted and skipped through. */
import { z } from 'zod';
import { countPageSchema } from './paging.js';

export const offsetParameters = {
  page: z.coerce.number().int().min(1).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(50),
};

interface OffsetQuery {
  page: number;
  limit: number;
}

/** Behind any row that there is, and still a number that every database takes. */
const MAX_OFFSET_ROWS = 2 ** 31;

export function sliceOf({ page, limit }: OffsetQuery): { limit: number; offset: number } {
  return { limit, offset: Math.min((page - 1) * limit, MAX_OFFSET_ROWS) };
}

export function offsetPageSchema<Item extends z.ZodType>(items: Item) {
  return z.object({
    items: z.array(items),
    total: z.int().min(0),
    page: z.int(),
    limit: z.int(),
    totalPages: z.int(),
  });
}

/** As the `/count` of any other list, and the number once more under the name that it has in a page. */
export const offsetCountSchema = z
  .object({
    ...countPageSchema.shape,
    countRelation: z.literal('eq'),
    total: z.int().min(0).describe('The same as count'),
  })
  .meta({ id: 'ExactCount' });

export function offsetCount(total: number): z.infer<typeof offsetCountSchema> {
  return { count: total, countRelation: 'eq', total };
}

export function offsetPage<Item, Rendered>(
  { page, limit }: OffsetQuery,
  { items, total }: { items: readonly Item[]; total: number },
  render: (item: Item) => Rendered,
) {
  return { items: items.map(render), total, page, limit, totalPages: Math.ceil(total / limit) };
}
