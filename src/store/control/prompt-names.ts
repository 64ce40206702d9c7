/** Lists of prompts by name: those that have a version which is as it is asked for. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { withoutNul } from '../../model/nul.js';
import { type PromptTexts, wordsOf } from './prompt-texts.js';
import type { PromptVersion } from './prompt-version.js';
import type { ControlSchema } from './schema.js';
import type { Slice, Slices } from './slice.js';

export interface NameQuery {
  workspace: string;
  /** Part of the name, in any case; '' for all. */
  q: string;
  /** The folder that it is in. */
  folder?: string | undefined;
  /** Of one and the same version, all that follows. */
  tag?: string | undefined;
  author?: string | undefined;
  driver?: string | undefined;
  /** `active` when absent. */
  status?: PromptVersion['status'] | 'any' | undefined;
  /** Seconds since the epoch. */
  createdFrom?: number | undefined;
  /** Seconds since the epoch: before it. */
  createdTo?: number | undefined;
  /** A label that the prompt has. */
  label?: string | undefined;
}

export interface PromptNames {
  /** In the order of their bytes. */
  listNames(query: NameQuery, slice: Slice): Promise<Slices<string>>;
  countNames(query: NameQuery): Promise<number>;
  /** Those that `q` is in the name of, in their order; then those that have all of its words, the best first. */
  searchNames(query: NameQuery, slice: Slice): Promise<Slices<string>>;
}

type Database = Kysely<ControlSchema>;

export function createPromptNames(db: Database, texts: PromptTexts): PromptNames {
  const countNames = async (query: NameQuery) => {
    const counted = selectNames(db, query).select((e) => e.fn.count<number>('name').distinct().as('total'));
    return Number((await counted.executeTakeFirstOrThrow()).total);
  };
  const listNames = async (query: NameQuery, { limit, offset }: Slice) => {
    const names = selectNames(db, query).select('name').distinct().orderBy('name').limit(limit).offset(offset);
    const rows = await names.execute();
    return { items: rows.map(({ name }) => name), total: await countNames(query) };
  };
  return {
    listNames,
    countNames,
    searchNames(query, slice) {
      const words = wordsOf(query.q);
      return words.length === 0
        ? listNames(query, slice)
        : search(db, texts.matching(query.workspace, words), query, slice);
    },
  };
}

async function search(
  db: Database,
  matching: RawBuilder<unknown>,
  query: NameQuery,
  { limit, offset }: Slice,
): Promise<Slices<string>> {
  const byName = selectNames(db, query).select(['name', sql<number>`0`.as('class'), sql<number>`0.0`.as('rank')]);
  const byText = selectNames(db, { ...query, q: '' })
    .innerJoin(sql<{ id: number; rank: number }>`${matching}`.as('matches'), 'matches.id', 'prompts.id')
    .select(['name', sql<number>`1`.as('class'), sql<number>`matches.rank`.as('rank')]);
  const found = db.selectFrom(byName.unionAll(byText).as('found')).groupBy('name').select('name');
  const ordered = found.orderBy(sql`min(class)`).orderBy(sql`min(rank)`).orderBy('name');
  const rows = await ordered.limit(limit).offset(offset).execute();
  const counted = db.selectFrom(found.as('names')).select((e) => e.fn.countAll<number>().as('total'));
  return { items: rows.map(({ name }) => name), total: Number((await counted.executeTakeFirstOrThrow()).total) };
}

function selectNames(db: Database, query: NameQuery) {
  const { workspace, status = 'active', createdFrom, createdTo } = query;
  let rows = db.selectFrom('prompts').where('prompts.workspace_id', '=', workspace);
  if (status !== 'any') rows = rows.where('status', '=', status);
  if (createdFrom !== undefined) rows = rows.where('prompts.created_at', '>=', createdFrom);
  if (createdTo !== undefined) rows = rows.where('prompts.created_at', '<', createdTo);
  for (const condition of conditionsOf(query)) rows = rows.where(condition);
  return rows;
}

function* conditionsOf({
  workspace,
  q,
  folder,
  tag,
  author,
  driver,
  label,
}: NameQuery): Generator<RawBuilder<boolean>> {
  if (q !== '') yield inName(q);
  if (folder !== undefined) yield startsWith(`${withoutNul(folder)}/`);
  if (tag !== undefined) yield hasTag(JSON.stringify(tag));
  if (author !== undefined) yield sql`author = ${withoutNul(author)}`;
  if (driver !== undefined) yield sql`driver = ${withoutNul(driver)}`;
  if (label !== undefined) {
    yield sql`prompts.name in (select prompt_name from prompt_labels
      where prompt_labels.workspace_id = ${workspace} and prompt_labels.name = ${withoutNul(label)})`;
  }
}

/** No name has other characters; and not every database takes them all. */
function inName(q: string): RawBuilder<boolean> {
  if (!/^[a-zA-Z0-9_/-]*$/.test(q)) return sql`1 = 0`;
  const pattern = `%${q.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`;
  return sql`lower(prompts.name) like ${pattern} escape '\\'`;
}

/** Not LIKE, which takes small letters for capital ones on SQLite. */
function startsWith(beginning: string): RawBuilder<boolean> {
  return sql`substr(prompts.name, 1, ${sql.lit(beginning.length)}) = ${beginning}`;
}

/** Tags are JSON: one of them begins behind a bracket or a comma, and a quote within a tag is escaped. */
function hasTag(json: string): RawBuilder<boolean> {
  return sql`replace(replace(tags, ${`[${json}`}, ''), ${`,${json}`}, '') <> tags`;
}
