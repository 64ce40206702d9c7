/** Full text of one block: what a batch brings is written in one go, in the order of its ids. */
import type Database from 'better-sqlite3';

/**
 * Words are gathered in memory up to here before they go into a segment of the index. A batch that fits makes one segment;
 * the default of 1 MiB makes dozens, all of which are merged again and again.
 */
const GATHERED_BYTES = 32 * 2 ** 20;
/** As many bytes in a leaf of the index as a page of the file takes. */
const LEAF_BYTES = 16_000;

/**
 * Segments of a level that are merged into one: each merge writes all their words again. With 8 a text costs a tenth less than
 * with the default of 4, and a search looks into twice as many segments, some two dozen in a full block.
 */
const MERGED_SEGMENTS = 8;

/** When the block is made: FTS5 keeps them in the file. */
export function configureTexts(db: Database.Database): void {
  const set = db.prepare('INSERT INTO texts (texts, rank) VALUES (?, ?)');
  // A number of JavaScript would be bound as a float, which FTS5 refuses.
  set.run('hashsize', BigInt(GATHERED_BYTES));
  set.run('pgsz', BigInt(LEAF_BYTES));
  set.run('automerge', BigInt(MERGED_SEGMENTS));
}

export class GenerationTexts {
  private readonly insert;
  private readonly remove;
  private readonly gathered = new Map<number, string>();

  constructor(db: Database.Database) {
    this.insert = db.prepare('INSERT INTO texts (rowid, text) VALUES (?, ?)');
    this.remove = db.prepare('DELETE FROM texts WHERE rowid = ?');
  }

  add(id: bigint, text: string | undefined): void {
    if (text) this.gathered.set(Number(id), text);
  }

  delete(id: bigint): void {
    if (!this.gathered.delete(Number(id))) this.remove.run(id);
  }

  /** An id below the one before makes FTS5 write what it has gathered: those of logs count downwards. */
  flush(): void {
    for (const [id, text] of this.inOrder()) this.insert.run(BigInt(id), text);
    this.clear();
  }

  /** After a rollback. */
  clear(): void {
    this.gathered.clear();
  }

  private inOrder(): Iterable<[id: number, text: string]> {
    return [...this.gathered].sort(([a], [b]) => a - b);
  }
}
