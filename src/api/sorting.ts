/** `sort=name` and `sort=-name`, on lists that don't stand in the order of time alone. */
import { z } from 'zod';
import type { Sort } from '../store/control/sorting.js';

type Signed<Field extends string> = Field | `-${Field}`;

function sortOf<Field extends string>(text: Signed<Field>): Sort<Field> {
  const descending = text.startsWith('-');
  return { field: (descending ? text.slice(1) : text) as Field, descending };
}

export function sortParameter<const Field extends string>(fields: readonly Field[], standard: Signed<NoInfer<Field>>) {
  const signed = fields.flatMap((field): Signed<Field>[] => [field, `-${field}`]);
  return z
    .enum(signed)
    .default(standard as never)
    .transform((text) => sortOf<Field>(text as Signed<Field>))
    .meta({ description: '- for falling; what is equal stands in the order of its making' });
}
