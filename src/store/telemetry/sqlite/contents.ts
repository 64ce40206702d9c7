/** The contents of a block: each once, and where in the rows of the block it belongs. */
import type Database from 'better-sqlite3';
import { CONTENT_FIELDS } from '../../../model/content.js';
import type { RecordContents } from '../../../model/telemetry.js';
import { asksForContents, type ContentRoom, restoreTexts, type StoredPlace, type StoredTexts } from '../contents.js';

/**
 * `record_id` is the id of a span's row, or, of a log record, that of its row made negative, as in `generations`. `field`
 * counts CONTENT_FIELDS; `at` and `length` are those of the mark, in UTF-16 units of the column's text.
 */
export const CONTENT_TABLES = `
CREATE TABLE contents (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE content_places (
  record_id INTEGER NOT NULL,
  field INTEGER NOT NULL,
  at INTEGER NOT NULL,
  length INTEGER NOT NULL,
  content_id INTEGER NOT NULL,
  PRIMARY KEY (record_id, field, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_places_by_content ON content_places (content_id);
`;

export class ContentWriter {
  private readonly find;
  private readonly insert;
  private readonly place;
  /**
   * Of the batch: between two, a deletion may take any content out of the block, and its number may be given again.
   */
  private readonly ids = new Map<string, number>();

  constructor(db: Database.Database) {
    this.find = db.prepare('SELECT id FROM contents WHERE digest = ?').pluck();
    this.insert = db.prepare('INSERT INTO contents (digest, text) VALUES (?, ?)');
    this.place = db.prepare(
      'INSERT INTO content_places (record_id, field, at, length, content_id) VALUES (?, ?, ?, ?, ?)',
    );
  }

  add(recordId: number | bigint, contents: RecordContents): void {
    for (const { field, at, length, content } of contents) {
      this.place.run(recordId, CONTENT_FIELDS.indexOf(field), at, length, this.idOf(content));
    }
  }

  /** After each batch, and after a rollback. */
  forget(): void {
    this.ids.clear();
  }

  private idOf({ digest, text }: RecordContents[number]['content']): number {
    const known = this.ids.get(digest);
    if (known !== undefined) return known;
    const bytes = Buffer.from(digest, 'hex');
    const id = (this.find.get(bytes) as number | undefined) ?? Number(this.insert.run(bytes, text).lastInsertRowid);
    this.ids.set(digest, id);
    return id;
  }
}

type PlaceValues = [field: bigint, at: bigint, length: bigint, text: string];

export const PLACES_OF_RECORD = `SELECT p.field, p.at, p.length, c.text FROM content_places p
  CROSS JOIN contents c ON c.id = p.content_id WHERE p.record_id = ? ORDER BY p.field, p.at`;

/** Puts back what was taken out of the row, when there is room for it in the answer. `read` runs PLACES_OF_RECORD. */
export function restoreRow(texts: StoredTexts, room: ContentRoom, read: () => Iterable<unknown>): void {
  if (!asksForContents(texts)) return;
  const places: StoredPlace[] = [];
  let chars = 0;
  for (const row of read()) {
    const [field, at, length, text] = row as PlaceValues;
    places.push({ field: CONTENT_FIELDS[Number(field)]!, at: Number(at), length: Number(length), text });
    chars += text.length;
  }
  if (places.length > 0 && room.takes(chars)) restoreTexts(texts, places);
}

/** Contents go with the last row that has them. */
export class ContentRemoval {
  private readonly contentsOf;
  private readonly removePlaces;
  private readonly removeContent;

  constructor(db: Database.Database) {
    this.contentsOf = db.prepare('SELECT DISTINCT content_id FROM content_places WHERE record_id = ?').pluck();
    this.removePlaces = db.prepare('DELETE FROM content_places WHERE record_id = ?');
    this.removeContent = db.prepare(`DELETE FROM contents WHERE id = @id
      AND NOT EXISTS (SELECT 1 FROM content_places INDEXED BY content_places_by_content WHERE content_id = @id)`);
  }

  remove(recordId: bigint): void {
    const ids = this.contentsOf.all(recordId);
    if (ids.length === 0) return;
    this.removePlaces.run(recordId);
    for (const id of ids) this.removeContent.run({ id });
  }
}
