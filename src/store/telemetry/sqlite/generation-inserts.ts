/** Inserts the generations of a batch some rows at a time: with a statement for each, beginning it cost a third of its time. */
import type Database from 'better-sqlite3';
import type { Generation } from '../../../model/generation.js';
import {
  generationColumns,
  insertGenerations,
  isPlainGeneration,
  type RowOrigin,
  rareColumns,
} from './generation-rows.js';

const ROWS_OF_STATEMENT = 16;

interface Waiting {
  generation: Generation;
  origin: RowOrigin;
}

export class GenerationInserts {
  private readonly one;
  private readonly several;
  /** In the order of their ids, so that the table grows at its end. */
  private waiting: Waiting[] = [];

  constructor(db: Database.Database) {
    this.one = prepareInserts(db, 1);
    this.several = prepareInserts(db, ROWS_OF_STATEMENT);
  }

  /** It is in the table after the next `flush`, if not before. */
  add(generation: Generation, origin: RowOrigin): void {
    this.waiting.push({ generation, origin });
    if (this.waiting.length === ROWS_OF_STATEMENT) this.insert(this.several);
  }

  /** Call it before the table is read. */
  flush(): void {
    const rest = this.waiting;
    for (const row of rest) {
      this.waiting = [row];
      this.insert(this.one);
    }
  }

  /** Call it before those of the spans of a trace are read: logs come after all spans. */
  flushSpans(): void {
    if (this.waiting.length > 0 && this.waiting[0]!.origin.id > 0n) this.flush();
  }

  /** After a rollback. */
  clear(): void {
    this.waiting = [];
  }

  private insert({ plain, whole }: ReturnType<typeof prepareInserts>): void {
    const rows = this.waiting;
    this.waiting = [];
    const arePlain = rows.every(({ generation }) => isPlainGeneration(generation));
    const values: unknown[] = [];
    for (const { generation, origin } of rows) {
      values.push(...generationColumns(generation, origin));
      if (!arePlain) values.push(...rareColumns(generation));
    }
    // One by one: of an array the driver asks for each element anew, which takes as long as binding it.
    (arePlain ? plain : whole).run(...values);
  }
}

function prepareInserts(db: Database.Database, rows: number) {
  const { plain, whole } = insertGenerations(rows);
  return { plain: db.prepare(plain), whole: db.prepare(whole) };
}
