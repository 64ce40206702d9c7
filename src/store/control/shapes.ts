/**
 * Statements over many rows, compiled once for each number of rows: Kysely's compiling of a large INSERT costs more than
 * the rest of it, and the text depends on nothing but that number.
 */
import type { Compilable, CompiledQuery, DialectAdapter, Kysely } from 'kysely';

const compiled = new WeakMap<DialectAdapter, Map<string, CompiledQuery>>();

/** What `build` answers, but with these parameters. `shape` names all that its text depends on, beside the dialect. */
export function inShape<Row>(
  db: Pick<Kysely<unknown>, 'getExecutor'>,
  shape: string,
  build: () => Compilable<Row>,
  parameters: readonly unknown[],
): CompiledQuery<Row> {
  const { adapter } = db.getExecutor();
  const shapes = compiled.get(adapter) ?? new Map<string, CompiledQuery>();
  compiled.set(adapter, shapes);
  const known = shapes.get(shape) ?? build().compile();
  shapes.set(shape, known);
  return { ...(known as CompiledQuery<Row>), parameters };
}

/** Cuts a list into pieces whose lengths are powers of two, so that there are few of them. */
export function* powersOfTwo<Item>(items: readonly Item[], most: number): Generator<readonly Item[]> {
  let length = 2 ** Math.floor(Math.log2(most));
  for (let at = 0; at < items.length; at += length) {
    while (length > items.length - at) length /= 2;
    yield items.slice(at, at + length);
  }
}
