/** Rows that many others point at by number, found by their content: what was looked up last is remembered. */
import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';

const MAX_REMEMBERED = 16_384;

export type Values = readonly (string | number | bigint | null)[];

export interface NumberedOptions {
  /** Of the row with these values; undefined when there is none. */
  find(values: Values, name: string): bigint | undefined;
  insert(values: Values, name: string): bigint;
}

export class Numbered {
  private readonly ids = new Map<string, bigint>();

  constructor(private readonly options: NumberedOptions) {}

  idOf(values: Values): bigint {
    const name = values.join('\u0001');
    return this.ids.get(name) ?? this.look(name, values);
  }

  /** Of values that have a name which no others have: they are made only when it isn't remembered. */
  idOfNamed(name: string, make: () => Values): bigint {
    return this.ids.get(name) ?? this.look(name, make());
  }

  private look(name: string, values: Values): bigint {
    const id = this.options.find(values, name) ?? this.options.insert(values, name);
    if (this.ids.size >= MAX_REMEMBERED) this.ids.clear();
    this.ids.set(name, id);
    return id;
  }

  /** After a rollback: rows that this remembers may not exist. */
  forget(): void {
    this.ids.clear();
  }
}

/** In a table with a column `digest`. */
export function byDigest(db: Database.Database, table: string, columns: readonly string[]): Numbered {
  const find = db.prepare(`SELECT id FROM ${table} WHERE digest = ?`).pluck().safeIntegers(true);
  const places = columns.map(() => '?').join(', ');
  const insert = db.prepare(`INSERT INTO ${table} (digest, ${columns.join(', ')}) VALUES (?, ${places})`);
  const digestOf = (name: string) => createHash('sha256').update(name).digest().subarray(0, 16);
  return new Numbered({
    find: (_, name) => find.get(digestOf(name)) as bigint | undefined,
    insert: (values, name) => BigInt(insert.run(digestOf(name), ...values).lastInsertRowid),
  });
}

/** Sessions and users: by workspace, type and name. */
export function identityNumbers(db: Database.Database): Numbered {
  const find = db
    .prepare('SELECT id FROM identities WHERE workspace_id = ? AND type = ? AND name = ?')
    .pluck()
    .safeIntegers(true);
  const insert = db.prepare('INSERT INTO identities (workspace_id, type, name) VALUES (?, ?, ?)');
  return new Numbered({
    find: (values) => find.get(...values) as bigint | undefined,
    insert: (values) => BigInt(insert.run(...values).lastInsertRowid),
  });
}
