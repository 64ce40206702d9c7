/**
 * Of a call that several instrumentations saw one sighting counts: when that one is deleted, the first of those that stay
 * counts in its place, in whatever block it is. This is done before the deletion, which is begun again from the start when it
 * is cut off: a crash between the two leaves no call out. It is done again afterwards, for what was written meanwhile.
 */
import path from 'node:path';
import type Database from 'better-sqlite3';
import { modelOf } from '../../../model/generation.js';
import type { SeenResponse } from '../sightings.js';
import { canCount, haveSameResponse, responseHash, type Sighting, SightingIndex } from '../sightings.js';
import type { TraceDeletion } from '../telemetry.js';
import { GenerationChanges } from './generation-changes.js';
import { type GenerationRow, OF_TRACE, ROWS_OF_TRACE, selectGenerations, storedSighting } from './generation-rows.js';
import { GENERATION_VERSION, SCHEMA_VERSION } from './schema.js';
import { openForDeleting } from './trace-deletion.js';

/** A sender that gives all its calls one id has countless sightings of one call: the earliest of a block are enough. */
const MAX_SIGHTINGS = 1_000;

/** Runs what looks into a block, unless nobody reads that block any more. */
export type InBlock = (file: string, look: () => void) => void;

interface Response {
  workspace: string;
  responseId: string;
}

/** What may come to count. */
interface Heir extends Response {
  file: string;
  id: bigint;
  traceId: Uint8Array | undefined;
  receivedTimeUnixMs: number;
  sighting: Sighting;
}

export class Successors {
  /** Received until then, the spans of a trace go. */
  private readonly until = new Map<string, number>();
  /** Of calls that lose the sighting that counts, or may have lost it. */
  private readonly responses = new Map<string, Response>();
  private heirs: Heir[] = [];
  private readonly counted = new Map<string, SeenResponse[]>();
  /** What counts, and stays, of the traces of heirs. */
  private readonly countedOfTraces = new Map<string, SightingIndex>();
  private hasCalls = false;

  constructor(
    private readonly directory: string,
    private readonly deletions: readonly TraceDeletion[],
    private readonly inBlock: InBlock,
  ) {
    for (const { workspace, traceId, receivedUntilUnixMs } of deletions)
      this.until.set(traceName(workspace, traceId), receivedUntilUnixMs);
  }

  /** False when what goes tells of no calls. */
  get areNeeded(): boolean {
    return this.hasCalls;
  }

  /** Counts what takes the place of what goes. May be called again: what counts by then has no second successor. */
  count(files: readonly string[]): void {
    this.forget();
    this.inEach(files, (block) => this.findGoing(block));
    if (this.responses.size > 0) this.inEach(files, (block) => this.findSightings(block));
    const inOrder = [...new Map(this.heirs.map((heir) => [`${heir.file} ${heir.id}`, heir])).values()].sort(byArrival);
    for (const heir of inOrder)
      if (!this.hasCountedResponse(heir)) this.inEach([heir.file], (block) => this.consider(heir, block));
  }

  private forget(): void {
    this.heirs = [];
    this.counted.clear();
    this.countedOfTraces.clear();
  }

  private inEach(files: readonly string[], look: (block: BlockSightings) => void): void {
    for (const file of files) {
      this.inBlock(file, () => {
        const db = openForDeleting(path.join(this.directory, file));
        try {
          const block = BlockSightings.of(db, file);
          if (block) look(block);
        } finally {
          db.close();
        }
      });
    }
  }

  /** What a trace keeps, as it came after the deletion was asked for, may be of a call that counted by what goes. */
  private findGoing(block: BlockSightings): void {
    for (const { workspace, traceId } of this.deletions) {
      for (const row of block.ofTrace(workspace, traceId)) {
        this.hasCalls = true;
        const isHeir = !this.isGoing(workspace, row) && isUncountedCall(row);
        if (isHeir) this.heirs.push(heirOf(workspace, row, block.file));
        if (row.response_id !== '' && (isHeir || row.counted === 1n)) this.note(workspace, row.response_id);
      }
    }
  }

  private note(workspace: string, responseId: string): void {
    this.responses.set(responseName({ workspace, responseId }), { workspace, responseId });
  }

  private findSightings(block: BlockSightings): void {
    for (const response of this.responses.values()) {
      for (const row of block.ofResponse(response)) {
        if (this.isGoing(response.workspace, row)) continue;
        if (row.counted === 1n) this.noteCounted(response, modelOfRow(row));
        else if (isUncountedCall(row)) this.heirs.push(heirOf(response.workspace, row, block.file));
      }
    }
  }

  private noteCounted(response: Response, model: string): void {
    const name = responseName(response);
    const known = this.counted.get(name) ?? [];
    this.counted.set(name, known);
    known.push({ model, responseId: response.responseId });
  }

  private isGoing(workspace: string, { id, trace_id: traceId, received_time_unix_ms: received }: GenerationRow) {
    const until = id < 0n || !traceId ? undefined : this.until.get(traceName(workspace, traceId));
    return until !== undefined && Number(received) <= until;
  }

  /** Of the many sightings of one response all but the first are told by this, and cost no look into their block. */
  private hasCountedResponse(heir: Heir): boolean {
    const isSame = (other: SeenResponse) => haveSameResponse(other, heir.sighting);
    return heir.responseId !== '' && (this.counted.get(responseName(heir))?.some(isSame) ?? false);
  }

  private consider(heir: Heir, block: BlockSightings): void {
    const { responseId, sighting } = heir;
    const ofTrace = this.countedOfTrace(heir, block);
    if (ofTrace?.has(sighting) || !block.count(heir.id)) return;
    ofTrace?.add(sighting);
    if (responseId !== '') this.noteCounted(heir, sighting.model);
  }

  /** undefined of a log: its response alone tells of what call it is. */
  private countedOfTrace({ workspace, traceId, id, file }: Heir, block: BlockSightings): SightingIndex | undefined {
    if (id < 0n || !traceId) return undefined;
    const name = `${file} ${traceName(workspace, traceId)}`;
    const known = this.countedOfTraces.get(name);
    if (known) return known;
    const index = new SightingIndex();
    for (const row of block.ofTrace(workspace, traceId))
      if (row.counted === 1n && !this.isGoing(workspace, row)) index.add(sightingOf(row));
    this.countedOfTraces.set(name, index);
    return index;
  }
}

/** One block: its sightings, and how one of them comes to count. */
class BlockSightings {
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
    const changes = new GenerationChanges(this.db);
    const counting = this.db.transaction(() => {
      if (this.statements.uncounted.get(id) === undefined) return false;
      changes.change(id, () => this.statements.count.run(id));
      changes.flush();
      return true;
    });
    return counting.immediate();
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
    uncounted: db.prepare('SELECT 1 FROM generations WHERE id = ? AND counted = 0'),
    count: db.prepare('UPDATE generations SET counted = 1 WHERE id = ?'),
  };
}

function isUncountedCall({ countable, counted }: GenerationRow): boolean {
  return counted === 0n && canCount({ countable: countable === 1n });
}

function modelOfRow({ response_model: responseModel, request_model: requestModel }: GenerationRow): string {
  return modelOf({ responseModel, requestModel });
}

function sightingOf(row: GenerationRow): Sighting {
  return storedSighting({ ...row, span_id: row.span_id!, model: modelOfRow(row) });
}

function heirOf(workspace: string, row: GenerationRow, file: string): Heir {
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

function byArrival(a: Heir, b: Heir): number {
  if (a.receivedTimeUnixMs !== b.receivedTimeUnixMs) return a.receivedTimeUnixMs - b.receivedTimeUnixMs;
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return Number(absolute(a.id) - absolute(b.id));
}

function absolute(id: bigint): bigint {
  return id < 0n ? -id : id;
}

function traceName(workspace: string, traceId: Uint8Array): string {
  return `${Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('hex')}/${workspace}`;
}

function responseName({ workspace, responseId }: Response): string {
  return `${workspace}/${responseId}`;
}
