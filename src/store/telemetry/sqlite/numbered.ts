/** Rows that many others point at by number, found by their content: what was looked up last is remembered. */
import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';

const MAX_REMEMBERED = 16_384;

export type Values = readonly (string | number | bigint | null)[];

export interface NumberedOptions {
  /** Of the row with these values; undefined when there is none. */
  find(values: Values, name: string): number | undefined;
  insert(values: Values, name: string): number;
}

export class Numbered {
  private readonly ids = new Map<string, number>();
  /** Neighbours mostly share one, so most calls end here. */
  private latestName = '';
  private latestId: number | undefined;

  constructor(private readonly options: NumberedOptions) {}

  /** Of values that have a name which no others have: they are made only when it isn't remembered. */
  idOf(name: string, make: () => Values): number {
    if (name === this.latestName && this.latestId !== undefined) return this.latestId;
    const id = this.ids.get(name) ?? this.look(name, make());
    this.latestName = name;
    this.latestId = id;
    return id;
  }

  private look(name: string, values: Values): number {
    const id = this.options.find(values, name) ?? this.options.insert(values, name);
    if (this.ids.size >= MAX_REMEMBERED) this.ids.clear();
    this.ids.set(name, id);
    return id;
  }

  /** After a rollback: rows that this remembers may not exist. */
  forget(): void {
    this.ids.clear();
    this.latestId = undefined;
  }
}

/** In a table with a column `digest`. */
export function byDigest(db: Database.Database, table: string, columns: readonly string[]): Numbered {
  const find = db.prepare(`SELECT id FROM ${table} WHERE digest = ?`).pluck();
  const places = columns.map(() => '?').join(', ');
  const insert = db.prepare(`INSERT INTO ${table} (digest, ${columns.join(', ')}) VALUES (?, ${places})`);
  const digestOf = (name: string) => createHash('sha256').update(name).digest().subarray(0, 16);
  return new Numbered({
    find: (_, name) => idIn(find.get(digestOf(name))),
    insert: (values, name) => Number(insert.run(digestOf(name), ...values).lastInsertRowid),
  });
}

/** Of a type, sessions or users: by workspace, type and name. */
export class IdentityNumbers {
  private readonly numbered;

  constructor(
    db: Database.Database,
    private readonly type: number,
  ) {
    const find = db.prepare('SELECT id FROM identities WHERE workspace_id = ? AND type = ? AND name = ?').pluck();
    const insert = db.prepare('INSERT INTO identities (workspace_id, type, name) VALUES (?, ?, ?)');
    this.numbered = new Numbered({
      find: (values) => idIn(find.get(...values)),
      insert: (values) => Number(insert.run(...values).lastInsertRowid),
    });
  }

  idOf(workspaceId: number, name: string): number {
    return this.numbered.idOf(`${workspaceId} ${name}`, () => [workspaceId, this.type, name]);
  }

  forget(): void {
    this.numbered.forget();
  }
}

/** Of a connection that reads integers as bigints, or doesn't. */
function idIn(value: unknown): number | undefined {
  return value === undefined ? undefined : Number(value);
}
