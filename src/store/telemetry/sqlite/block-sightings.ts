/** Which rows of a block are sightings of one call, and whether each of them counts. */
import path from 'node:path';
import type Database from 'better-sqlite3';
import { modelOf } from '../../../model/generation.js';
import { responseHash, type Sighting } from '../sightings.js';
import { GenerationChanges } from './generation-changes.js';
import { type GenerationRow, OF_TRACE, ROWS_OF_TRACE, selectGenerations, storedSighting } from './generation-rows.js';
import { GENERATION_VERSION, SCHEMA_VERSION } from './schema.js';
import { openForDeleting } from './trace-deletion.js';

/** A sender that gives all its calls one id has countless sightings of one call: the earliest of a block are enough. */
const MAX_SIGHTINGS = 1_000;

/** Runs what looks into a block, unless nobody reads that block any more. */
export type InBlock = (file: string, look: () => void) => void;

export interface Response {
  workspace: string;
  responseId: string;
}

export interface FoundSighting extends Response {
  file: string;
  id: bigint;
  traceId: Uint8Array | undefined;
  receivedTimeUnixMs: number;
  sighting: Sighting;
}

/** Looks into one block after another. */
export function inSightings(
  files: readonly string[],
  { directory, inBlock }: { directory: string; inBlock: InBlock },
  look: (block: BlockSightings) => void,
): void {
  for (const file of files) {
    inBlock(file, () => {
      const db = openForDeleting(path.join(directory, file));
      try {
        const block = BlockSightings.of(db, file);
        if (block) look(block);
      } finally {
        db.close();
      }
    });
  }
}

export class BlockSightings {
  private readonly statements;

  private constructor(
    private readonly db: Database.Database,
    readonly file: string,
  ) {
    this.statements = prepareStatements(db);
  }

  /** undefined for one that knows nothing of calls, or is of a version that nobody reads here. */
  static of(db: Database.Database, file: string): BlockSightings | undefined {
    const version = Number(db.prepare('SELECT schema_version FROM block').pluck().get());
    return version >= GENERATION_VERSION && version <= SCHEMA_VERSION ? new BlockSightings(db, file) : undefined;
  }

  ofTrace(workspace: string, traceId: Uint8Array): GenerationRow[] {
    const workspaceId = this.workspaceId(workspace);
    if (workspaceId === undefined) return [];
    return this.statements.ofTrace.all({ traceId, workspaceId, first: 2n ** 62n }) as GenerationRow[];
  }

  ofResponse({ workspace, responseId }: Response): GenerationRow[] {
    const workspaceId = this.workspaceId(workspace);
    if (workspaceId === undefined) return [];
    return this.statements.ofResponse.all(responseHash(responseId), workspaceId, responseId) as GenerationRow[];
  }

  /** False when the row is gone, or counts already. */
  count(id: bigint): boolean {
    return this.inTransaction((changes) => this.setCounted(id, 1, changes));
  }

  /** Those that are there. */
  uncount(ids: readonly bigint[]): void {
    this.inTransaction((changes) => {
      for (const id of ids) this.setCounted(id, 0, changes);
    });
  }

  private inTransaction<Result>(change: (changes: GenerationChanges) => Result): Result {
    const changes = new GenerationChanges(this.db);
    const changing = this.db.transaction(() => {
      const result = change(changes);
      changes.flush();
      return result;
    });
    return changing.immediate();
  }

  private setCounted(id: bigint, counted: 0 | 1, changes: GenerationChanges): boolean {
    if (this.statements.isOther.get({ id, counted }) === undefined) return false;
    changes.change(id, () => this.statements.setCounted.run({ id, counted }));
    return true;
  }

  private workspaceId(name: string): bigint | undefined {
    return this.statements.workspace.get(name) as bigint | undefined;
  }
}

function prepareStatements(db: Database.Database) {
  const byResponse = selectGenerations('generations x INDEXED BY generations_by_response');
  return {
    workspace: db.prepare('SELECT id FROM workspaces WHERE name = ?').pluck(),
    ofTrace: db.prepare(`${selectGenerations(ROWS_OF_TRACE)} WHERE ${OF_TRACE} ORDER BY x.id`),
    // What counts comes first: of a call with more sightings than are looked at, none is to count beside it.
    ofResponse: db.prepare(
      `${byResponse} WHERE x.response_hash = ? AND x.workspace_id = ? AND x.response_id = ?
        ORDER BY x.counted DESC, x.id LIMIT ${MAX_SIGHTINGS}`,
    ),
    isOther: db.prepare('SELECT 1 FROM generations WHERE id = @id AND counted <> @counted'),
    setCounted: db.prepare('UPDATE generations SET counted = @counted WHERE id = @id'),
  };
}

export function modelOfRow({ response_model: responseModel, request_model: requestModel }: GenerationRow): string {
  return modelOf({ responseModel, requestModel });
}

export function sightingOf(row: GenerationRow): Sighting {
  return storedSighting({ ...row, span_id: row.span_id!, model: modelOfRow(row) });
}

export function foundSighting(workspace: string, row: GenerationRow, file: string): FoundSighting {
  const { id, response_id: responseId, trace_id: traceId } = row;
  const receivedTimeUnixMs = Number(row.received_time_unix_ms);
  return {
    file,
    id,
    workspace,
    responseId,
    traceId: traceId ?? undefined,
    receivedTimeUnixMs,
    sighting: sightingOf(row),
  };
}

export function byArrival(a: FoundSighting, b: FoundSighting): number {
  if (a.receivedTimeUnixMs !== b.receivedTimeUnixMs) return a.receivedTimeUnixMs - b.receivedTimeUnixMs;
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return Number(absolute(a.id) - absolute(b.id));
}

function absolute(id: bigint): bigint {
  return id < 0n ? -id : id;
}

export function traceName(workspace: string, traceId: Uint8Array): string {
  return `${Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('hex')}/${workspace}`;
}

export function responseName({ workspace, responseId }: Response): string {
  return `${workspace}/${responseId}`;
}
