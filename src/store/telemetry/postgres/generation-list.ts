/** Reading generations: a list in the order of an index, narrowed by words when it asks for some. */
import type { Page } from '../../page.js';
import type { GenerationQuery, StoredGeneration } from '../generations.js';
import { addRange, Conditions } from './conditions.js';
import { NO_TRACE } from './generation-changes.js';
import {
  IS_UNPRICED,
  indexedText,
  SELECTED,
  type SelectedRow,
  storedGenerationOf,
  WITH_PRICE,
} from './generation-rows.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import { signed } from './time.js';
import { queryOf, searchedWords } from './words.js';

const ORDER: PageQuery['order'] = {
  time: 'item.start_time_unix_nano',
  tie: 'item.row_id',
  tieType: 'bigint',
  tieRuns: 'against time',
};

const TEXT_FILTERS = {
  provider: 'provider',
  promptName: 'prompt_name',
  promptVersion: 'prompt_version',
  environment: 'environment',
} as const;

/** The index of such rows leaves out those without: '' asks for them. */
const IDENTITY_FILTERS = { sessionId: 'session_id', userId: 'user_id' } as const;

/** The rows that the list goes by. */
function walked(query: GenerationQuery): Conditions {
  const conditions = new Conditions();
  conditions.add('item.workspace = ?', query.workspace);
  addRange(conditions, 'item.start_time_unix_nano', query);
  // Those that failed have an index of their own.
  if (query.isError) conditions.add('item.is_error');
  for (const [field, column] of Object.entries(IDENTITY_FILTERS) as ['sessionId', 'session_id'][]) {
    if (query[field] === '') conditions.add(`item.${column} is null`);
    else if (query[field] !== undefined) conditions.add(`item.${column} = ?`, indexedText(query[field]));
  }
  return conditions;
}

function conditionsOf(query: GenerationQuery): Conditions {
  const conditions = walked(query);
  if (query.kinds) conditions.add('item.kind = any(?::text[])', query.kinds);
  else conditions.add(`item.kind <> 'span'`);
  addTexts(conditions, query);
  addFlags(conditions, query);
  addBounds(conditions, query);
  return conditions;
}

function addTexts(conditions: Conditions, query: GenerationQuery): void {
  if (query.model !== undefined) {
    const model = indexedText(query.model);
    conditions.add(`(coalesce(item.response_model, '') = ? or coalesce(item.request_model, '') = ?)`, model, model);
  }
  for (const [field, column] of Object.entries(TEXT_FILTERS) as ['provider', 'provider'][]) {
    const value = query[field];
    if (value !== undefined) conditions.add(`coalesce(item.${column}, '') = ?`, indexedText(value));
  }
}

function addFlags(conditions: Conditions, query: GenerationQuery): void {
  if (query.isError === false) conditions.add('not item.is_error');
  if (query.isPriced !== undefined) conditions.add(query.isPriced ? 'item.picodollars is not null' : IS_UNPRICED);
  if (query.counted !== undefined) conditions.add('item.counted = ?', query.counted);
}

const TOKENS = '(coalesce(item.input_tokens, 0)::numeric + coalesce(item.output_tokens, 0))';

function addBounds(conditions: Conditions, query: GenerationQuery): void {
  for (const [sql, bound] of [
    ['item.picodollars >= ?::numeric', query.minPicodollars],
    ['item.picodollars <= ?::numeric', query.maxPicodollars],
    [`${TOKENS} >= ?::numeric`, query.minTokens],
    [`${TOKENS} <= ?::numeric`, query.maxTokens],
    ['item.duration_nano >= ?::numeric', query.minDurationNano],
    ['item.duration_nano <= ?::numeric', query.maxDurationNano],
  ] as const) {
    if (bound !== undefined) conditions.add(sql, String(bound));
  }
}

function addTrace(conditions: Conditions, { traceId, run }: GenerationQuery): string {
  const found: string[] = [];
  const ofTrace = (id: Uint8Array) => `trace_id = ${conditions.value(Buffer.from(id).toString('hex'))}`;
  if (traceId) found.push(ofTrace(traceId));
  if (run) found.push(`(run_id = ${conditions.value(run.id)}${run.traceId ? ` or ${ofTrace(run.traceId)}` : ''})`);
  return found.length > 0
    ? `(select * from generations where ${found.join(' and ')} offset 0) item`
    : 'generations item';
}

const EMPTY: Page<StoredGeneration> = { items: [], total: 0, totalRelation: 'eq' };

export async function listGenerations(source: ListSource, wanted: GenerationQuery): Promise<Page<StoredGeneration>> {
  const words = wanted.text === undefined ? [] : searchedWords(wanted.text);
  if (wanted.text !== undefined && words.length === 0) return EMPTY;
  const found = words.length > 0 ? await findFew(source.queries, wanted, words) : undefined;
  if (found?.length === 0) return EMPTY;
  const matching = (): Matching => {
    const conditions = conditionsOf(wanted);
    const from = addTrace(conditions, wanted);
    if (found) addFound(conditions, found);
    else for (const word of words) addWord(conditions, word);
    return { from: `${from} ${WITH_PRICE}`, conditions };
  };
  const isFew = found !== undefined || wanted.traceId !== undefined || wanted.run !== undefined;
  const walkedRows = (): Matching => ({ from: 'generations item', conditions: walked(wanted) });
  const query: PageQuery = { matching, walked: isFew ? undefined : walkedRows, columns: SELECTED, order: ORDER };
  const { rows, ...page } = await readPage<SelectedRow>(source, query, wanted);
  return { items: rows.map(storedGenerationOf), ...page };
}

/** More are looked through in the order of the list, which soon finds a page of them. */
const MAX_FEW = 5_000;
const SEARCH_BUDGET_MS = 400;

interface FoundRow {
  trace_id: string;
  row_id: bigint;
}

/** Rows with all of the words, in one text or in several; undefined when they are many, or take too long to find. */
async function findFew(
  queries: Queries,
  query: GenerationQuery,
  words: readonly string[],
): Promise<FoundRow[] | undefined> {
  const conditions = new Conditions();
  const workspace = conditions.value(query.workspace);
  const withWord = words.map(
    (word) => `select trace_id, row_id from generation_texts text
      where words @@ ${conditions.value(queryOf([word]))}::tsquery and workspace = ${workspace}`,
  );
  const sql = `select trace_id, row_id from (${withWord.join(' intersect ')}) found limit ${MAX_FEW + 1}`;
  const rows = await queries.rowsWithin<FoundRow>(SEARCH_BUDGET_MS, sql, conditions.values);
  return rows && rows.length <= MAX_FEW ? rows : undefined;
}

/** Found by the index of traces, but for logs without one, which the index of times finds. */
function addFound(conditions: Conditions, found: readonly FoundRow[]): void {
  const ids = conditions.value(found.map(({ row_id: id }) => id));
  const traces = conditions.value(found.map(({ trace_id: id }) => id));
  const hasTraceless = found.some(({ trace_id: id }) => id.replaceAll('-', '') === NO_TRACE);
  const ofTrace = `item.trace_id = any(${traces}::uuid[])`;
  conditions.add(
    `item.row_id = any(${ids}::bigint[]) and ${hasTraceless ? `(${ofTrace} or item.trace_id is null)` : ofTrace}`,
  );
}

function addWord(conditions: Conditions, word: string): void {
  conditions.add(
    `exists (select 1 from generation_texts text where text.trace_id = coalesce(item.trace_id, '${NO_TRACE}')
       and text.row_id = item.row_id and text.workspace = item.workspace and text.words @@ ?::tsquery offset 0)`,
    queryOf([word]),
  );
}

export async function getGeneration(
  queries: Queries,
  workspace: string,
  place: { traceId: Uint8Array; spanId: Uint8Array } | { logTimeUnixNano: bigint },
): Promise<StoredGeneration | undefined> {
  const conditions = new Conditions();
  conditions.add('item.workspace = ?', workspace);
  if ('logTimeUnixNano' in place) {
    conditions.add('item.start_time_unix_nano = ? and item.from_log', signed(place.logTimeUnixNano));
  } else {
    conditions.add('item.trace_id = ?', Buffer.from(place.traceId).toString('hex'));
    conditions.add('item.span_id = ? and not item.from_log', Buffer.from(place.spanId));
  }
  const sql = `select ${SELECTED} from generations item ${WITH_PRICE} where ${conditions.sql} order by item.row_id limit 1`;
  const [row] = await queries.rows<SelectedRow>(sql, conditions.values);
  return row && storedGenerationOf(row);
}
