/**
 * Of a call that several instrumentations saw one sighting counts: when that one is deleted, the first of those that stay
 * counts in its place, in whatever block it is. This is done before the deletion, which is begun again from the start when it
 * is cut off: a crash between the two leaves no call out. It is done again afterwards, for what was written meanwhile.
 */
import { canCount, haveSameResponse, type SeenResponse, SightingIndex } from '../sightings.js';
import type { TraceDeletion } from '../telemetry.js';
import {
  type BlockSightings,
  byArrival,
  type FoundSighting,
  foundSighting,
  type InBlock,
  inSightings,
  modelOfRow,
  type Response,
  responseName,
  sightingOf,
  traceName,
} from './block-sightings.js';
import type { GenerationRow } from './generation-rows.js';

export class Successors {
  /** Received until then, the spans of a trace go. */
  private readonly until = new Map<string, number>();
  /** Of calls that lose the sighting that counts, or may have lost it. */
  private readonly responses = new Map<string, Response>();
  /** What may come to count. */
  private heirs: FoundSighting[] = [];
  private readonly counted = new Map<string, SeenResponse[]>();
  /** What counts, and stays, of the traces of heirs. */
  private readonly countedOfTraces = new Map<string, SightingIndex>();
  private hasCalls = false;

  constructor(
    readonly directory: string,
    private readonly deletions: readonly TraceDeletion[],
    readonly inBlock: InBlock,
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
    inSightings(files, this, look);
  }

  /** What a trace keeps, as it came after the deletion was asked for, may be of a call that counted by what goes. */
  private findGoing(block: BlockSightings): void {
    for (const { workspace, traceId } of this.deletions) {
      for (const row of block.ofTrace(workspace, traceId)) {
        this.hasCalls = true;
        const isHeir = !this.isGoing(workspace, row) && isUncountedCall(row);
        if (isHeir) this.heirs.push(foundSighting(workspace, row, block.file));
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
        else if (isUncountedCall(row)) this.heirs.push(foundSighting(response.workspace, row, block.file));
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
  private hasCountedResponse(heir: FoundSighting): boolean {
    const isSame = (other: SeenResponse) => haveSameResponse(other, heir.sighting);
    return heir.responseId !== '' && (this.counted.get(responseName(heir))?.some(isSame) ?? false);
  }

  private consider(heir: FoundSighting, block: BlockSightings): void {
    const { responseId, sighting } = heir;
    const ofTrace = this.countedOfTrace(heir, block);
    if (ofTrace?.has(sighting) || !block.count(heir.id)) return;
    ofTrace?.add(sighting);
    if (responseId !== '') this.noteCounted(heir, sighting.model);
  }

  /** undefined of a log: its response alone tells of what call it is. */
  private countedOfTrace(
    { workspace, traceId, id, file }: FoundSighting,
    block: BlockSightings,
  ): SightingIndex | undefined {
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

function isUncountedCall({ countable, counted }: GenerationRow): boolean {
  return counted === 0n && canCount({ countable: countable === 1n });
}
