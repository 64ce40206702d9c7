/** Rows that many others point at (resources, scopes, metrics): each content once in a block, found by a digest. */
import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';

/** Past this many the memory of ids starts anew; the rows are found again by their digest. */
const MAX_REMEMBERED = 4096;

export class InternedRows<Content extends { key: string }> {
  private readonly ids = new Map<string, number>();
  /** Neighbours mostly share one object, so most calls end here. */
  private latest: Content | undefined;
  private latestId = 0;

  constructor(
    private readonly find: Database.Statement,
    private readonly insert: Database.Statement,
    private readonly columns: (content: Content) => unknown[],
  ) {}

  idOf(content: Content): number {
    if (content === this.latest) return this.latestId;
    const digest = createHash('sha256').update(content.key).digest().subarray(0, 16);
    const name = digest.toString('latin1');
    const id = this.ids.get(name) ?? this.remember(name, this.stored(digest, content));
    this.latest = content;
    this.latestId = id;
    return id;
  }

  /** After a rollback: rows that this remembers may not exist. */
  forget(): void {
    this.ids.clear();
    this.latest = undefined;
  }

  private stored(digest: Buffer, content: Content): number {
    const row = this.find.get(digest) as { id: number } | undefined;
    return row?.id ?? Number(this.insert.run(digest, ...this.columns(content)).lastInsertRowid);
  }

  private remember(name: string, id: number): number {
    if (this.ids.size >= MAX_REMEMBERED) this.ids.clear();
    this.ids.set(name, id);
    return id;
  }
}
