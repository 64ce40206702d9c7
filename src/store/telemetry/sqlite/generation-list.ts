/** Generations by the time of their start: each block by an index that keeps it, merged. */
import type { Page } from '../../page.js';
import type { GenerationQuery, StoredGeneration } from '../generations.js';
import type { BlockReader } from './block-reader.js';
import { allOf, type Conditions } from './conditions.js';
import { describedBy, generationConditions } from './generation-conditions.js';
import { SESSION, USER } from './generation-rows.js';
import type { ListContext } from './list-page.js';
import { type RecordKind, RecordList } from './record-list.js';
import { TextSearch } from './text-search.js';

const NO_CONDITIONS: Conditions = { sql: [], parameters: {} };

export function listGenerations(context: ListContext, query: GenerationQuery): Page<StoredGeneration> {
  const search = query.text === undefined ? undefined : new TextSearch(context.catalog, query.text);
  return new RecordList(context, kindOf(search), query).page();
}

function kindOf(search: TextSearch | undefined): RecordKind<GenerationQuery, StoredGeneration> {
  return {
    table: 'generations',
    timeColumn: 'start_time_unix_nano',
    index: indexOf,
    extent: ({ generations }) => generations,
    conditions: generationConditions,
    runs: (reader, query) => {
      const workspace = reader.workspaceId(query.workspace)!;
      const own = ownConditions(reader, workspace, query);
      if (!own || !hasDescribed(reader, query)) return [];
      // SQLite takes an index of some rows only where a condition says that no others are asked for.
      if (indexOf(query, reader) === FAILED) own.sql.push('x.is_error = 1');
      return [search ? allOf(own, search.conditionsIn(reader, workspace)) : own];
    },
    load: (reader, id) => reader.generation(id),
  };
}

const FAILED = 'generations_failed';

function indexOf({ traceId, run, sessionId, userId, isError }: GenerationQuery, reader: BlockReader) {
  if (traceId || run) return undefined;
  if (sessionId !== undefined) return 'generations_by_session';
  if (userId !== undefined) return 'generations_by_user';
  return isError && reader.hasFailedIndex ? FAILED : 'generations_by_time';
}

/** A model or a prompt that the block knows nothing of is in none of its rows. */
function hasDescribed(reader: BlockReader, query: GenerationQuery): boolean {
  const { sql, parameters } = describedBy(query);
  return reader.get(`SELECT 1 FROM descriptions d WHERE ${sql.join(' AND ')} LIMIT 1`, parameters) !== undefined;
}

/** By trace, session and user; undefined when the block has none of these. */
function ownConditions(reader: BlockReader, workspace: bigint, query: GenerationQuery): Conditions | undefined {
  const { traceId, run, sessionId, userId } = query;
  const parts: Conditions[] = [NO_CONDITIONS];
  if (traceId) parts.push(amongst('ofTrace', reader.generationIdsOfTrace(workspace, traceId)));
  if (run) parts.push(amongst('ofRun', idsOfRun(reader, workspace, run)));
  for (const [type, name, column] of [
    [SESSION, sessionId, 'session_id'],
    [USER, userId, 'user_id'],
  ] as const) {
    if (name === undefined) continue;
    const id = reader.identityId(workspace, type, name);
    if (id === undefined) return undefined;
    parts.push({ sql: [`x.${column} = @${column}`], parameters: { [column]: id } });
  }
  return allOf(...parts);
}

function idsOfRun(
  reader: BlockReader,
  workspace: bigint,
  { id, traceId }: NonNullable<GenerationQuery['run']>,
): bigint[] {
  const ofTrace = traceId ? reader.generationIdsOfTrace(workspace, traceId) : [];
  return [...ofTrace, ...reader.generationIdsOfRun(workspace, id)];
}

function amongst(name: string, ids: readonly bigint[]): Conditions {
  return { sql: [`x.id IN (SELECT value FROM json_each(@${name}))`], parameters: { [name]: `[${ids.join()}]` } };
}
