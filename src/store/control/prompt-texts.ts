/**
 * Full-text search over prompt versions. Words are made here, the same for both dialects: the database keeps them, finds
 * them by their beginnings and weighs them.
 */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { DialectFacts } from '../dialect-facts.js';
import type { ControlSchema } from './schema.js';

export interface PromptText {
  /** Of the version's row. */
  id: number;
  workspace: string;
  name: string;
  tags: readonly string[];
  body: string;
}

export interface PromptTexts {
  /** In the place of what is there under these ids. */
  put(texts: readonly PromptText[]): Promise<void>;
  remove(id: number): Promise<void>;
  /** Those of rows that there are none of. */
  removeLost(): Promise<void>;
  /** A query that has columns `id` and `rank` (the lowest is the best) for versions that have all of these words. */
  matching(workspace: string, words: readonly string[]): RawBuilder<unknown>;
}

type Database = Kysely<ControlSchema>;

/** Versions that a search looks at, the best first. */
const MAX_MATCHES = 2_000;
/** Of a version's text: the words behind it are not found. */
export const MAX_SEARCHED_CHARACTERS = 50_000;
const MAX_WORD_CHARACTERS = 64;
/** Making the words of a long text takes milliseconds: between statements others have their turn. */
const TEXTS_PER_STATEMENT = 8;

/** Scripts without spaces: each character is a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/** Cut before, for what it costs, and behind: one character may become eighteen, and a tsvector has a bound. */
export function wordsOf(text: string): string[] {
  const given = text.slice(0, MAX_SEARCHED_CHARACTERS);
  const plain = given.normalize('NFKC').toLowerCase().slice(0, MAX_SEARCHED_CHARACTERS);
  const spaced = plain.replaceAll(UNSPACED, ' $& ');
  return (spaced.match(WORD) ?? []).map(cut);
}

/** Between characters, never within one that is written as two. */
function cut(word: string): string {
  return word.length <= MAX_WORD_CHARACTERS ? word : [...word].slice(0, MAX_WORD_CHARACTERS).join('');
}

export function createPromptTexts(db: Database, facts: DialectFacts): PromptTexts {
  return facts.fullText === 'fts5' ? new SqliteTexts(db) : new PostgresTexts(db);
}

function* slicesOf<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

class SqliteTexts implements PromptTexts {
  constructor(private readonly db: Database) {}

  async put(texts: readonly PromptText[]): Promise<void> {
    for (const some of slicesOf(texts, TEXTS_PER_STATEMENT)) {
      const rows = some.map(({ id, ...text }) => sql`(${sql.join([id, ...SqliteTexts.columnsOf(text)])})`);
      await sql`insert or replace into prompt_texts (rowid, workspace, name, tags, body) values ${sql.join(rows)}`.execute(
        this.db,
      );
    }
  }

  async remove(id: number): Promise<void> {
    await sql`delete from prompt_texts where rowid = ${id}`.execute(this.db);
  }

  async removeLost(): Promise<void> {
    await sql`delete from prompt_texts where rowid not in (select id from prompts)`.execute(this.db);
  }

  /** FTS5's bm25 is negative: the better, the lower (sqlite.org/fts5, section 5.1). */
  matching(workspace: string, words: readonly string[]): RawBuilder<unknown> {
    const all = words.map((word) => `"${word}" *`).join(' AND ');
    const query = `workspace : "${wordOf(workspace)}" AND {name tags body} : (${all})`;
    return sql`(select rowid as id, bm25(prompt_texts, 0.0, 8.0, 4.0, 1.0) as rank from prompt_texts
      where prompt_texts match ${query} order by rank limit ${sql.lit(MAX_MATCHES)})`;
  }

  private static columnsOf({ workspace, name, tags, body }: Omit<PromptText, 'id'>): string[] {
    const texts = [name, tags.join(' '), body].map((text) => wordsOf(text).join(' '));
    return [wordOf(workspace), ...texts];
  }
}

/** The index has words and nothing else: of the best matches, none may be another workspace's. */
function wordOf(workspace: string): string {
  return `w${Buffer.from(workspace).toString('hex')}`;
}

/** Of a tsvector (postgresql.org/docs, "Text Search Types"); further words count as if they stood there. */
const MAX_POSITION = 16_383;

class PostgresTexts implements PromptTexts {
  constructor(private readonly db: Database) {}

  async put(texts: readonly PromptText[]): Promise<void> {
    for (const some of slicesOf(texts, TEXTS_PER_STATEMENT)) {
      const rows = some.map(
        (text) => sql`(${text.id}::bigint, ${text.workspace}, ${PostgresTexts.vectorOf(text)}::tsvector)`,
      );
      await sql`insert into prompt_texts (id, workspace_id, words) values ${sql.join(rows)}
        on conflict (id) do update set workspace_id = excluded.workspace_id, words = excluded.words`.execute(this.db);
    }
  }

  async remove(id: number): Promise<void> {
    await sql`delete from prompt_texts where id = ${id}`.execute(this.db);
  }

  async removeLost(): Promise<void> {
    await sql`delete from prompt_texts where id not in (select id from prompts)`.execute(this.db);
  }

  matching(workspace: string, words: readonly string[]): RawBuilder<unknown> {
    const query = words.map((word) => `${word}:*`).join(' & ');
    return sql`(select id, -ts_rank(words, ${query}::tsquery) as rank from prompt_texts
      where workspace_id = ${workspace} and words @@ ${query}::tsquery order by 2 limit ${sql.lit(MAX_MATCHES)})`;
  }

  /** Words are of letters and digits alone: nothing has to be quoted. */
  private static vectorOf({ name, tags, body }: PromptText): string {
    const weighed = Object.entries({ A: name, B: tags.join(' '), D: body });
    let position = 0;
    return weighed
      .flatMap(([weight, text]) =>
        wordsOf(text).map((word) => {
          position = Math.min(position + 1, MAX_POSITION);
          return `${word}:${position}${weight}`;
        }),
      )
      .join(' ');
  }
}
