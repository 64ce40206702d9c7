/**
 * What two writers write at the same moment neither finds in the other's block: so each looks once more when its batch is
 * committed, and of two batches the later one finds the other. Where both find each other, both do the same. A writer that
 * is alone has nothing to look at.
 */
import type { DecodedFrame } from '../../../model/telemetry.js';
import { haveSameResponse, type SeenResponse, SightingIndex } from '../sightings.js';
import {
  type BlockSightings,
  byArrival,
  type FoundSighting,
  foundSighting,
  inSightings,
  type Response,
  responseName,
  traceName,
} from './block-sightings.js';
import type { BlockArrivals } from './recent-block.js';
import { evenOut, type SplitTraceOptions } from './split-traces.js';
import { hashTraceId } from './trace-filter.js';
import type { TraceGroup } from './trace-groups.js';

/** A batch that is committed. */
export interface CommittedBatch {
  groups: readonly TraceGroup[];
  frames: readonly DecodedFrame[];
}

/** Makes one of what the batch and the `arrivals` in other blocks tell apart. */
export function settleRaces(
  batch: CommittedBatch,
  arrivals: readonly BlockArrivals[],
  options: SplitTraceOptions,
): void {
  const traces = new Set(arrivals.flatMap((block) => block.traces).map((one) => traceName(one.workspace, one.traceId)));
  const responses = new Set(arrivals.flatMap((block) => block.responses).map(responseName));
  if (traces.size + responses.size === 0) return;
  const shared = tracesOf(batch).filter(({ workspace, traceId }) => traces.has(traceName(workspace, traceId)));
  evenOut(shared, options);
  const answered = responsesOf(batch).filter((response) => responses.has(responseName(response)));
  countOnce(shared, answered, options);
}

/** Those that revise are left to what finds revisions, in whatever block. */
function tracesOf({ groups, frames }: CommittedBatch): TraceGroup[] {
  const ofLogs = frames.flatMap(({ workspace, logRecords }) =>
    logRecords.flatMap(({ generation, traceId }) => (generation && traceId ? [spanless(workspace, traceId)] : [])),
  );
  return [...groups.filter(({ revision }) => revision === 0), ...ofLogs];
}

function spanless(workspace: string, traceId: Uint8Array): TraceGroup {
  const group = { workspace, traceId, hash: hashTraceId(traceId), revision: 0, isNew: false, sameHash: undefined };
  return { ...group, spans: [], frames: [] };
}

function responsesOf({ frames }: CommittedBatch): Response[] {
  return frames.flatMap(({ workspace, spans, logRecords }) =>
    [...spans, ...logRecords].flatMap(({ generation }) => {
      const responseId = generation?.responseId ?? '';
      return responseId === '' ? [] : [{ workspace, responseId }];
    }),
  );
}

/** Of the sightings of one call that count, in whatever block, only the first goes on doing so. */
function countOnce(
  traces: readonly TraceGroup[],
  responses: readonly Response[],
  { recent, ...options }: SplitTraceOptions,
): void {
  if (traces.length + responses.length === 0) return;
  const found = new Map<string, FoundSighting>();
  inSightings(recent.files, options, (block) => {
    for (const one of countedOf(block, traces, responses)) found.set(`${one.file} ${one.id}`, one);
  });
  const doubles = doublesAmong([...found.values()].sort(byArrival));
  const files = [...new Set(doubles.map(({ file }) => file))];
  inSightings(files, options, (block) => {
    block.uncount(doubles.filter(({ file }) => file === block.file).map(({ id }) => id));
  });
}

function countedOf(
  block: BlockSightings,
  traces: readonly TraceGroup[],
  responses: readonly Response[],
): FoundSighting[] {
  const ofTraces = traces.flatMap(({ workspace, traceId }) =>
    block.ofTrace(workspace, traceId).map((row) => ({ workspace, row })),
  );
  const ofResponses = responses.flatMap((response) =>
    block.ofResponse(response).map((row) => ({ workspace: response.workspace, row })),
  );
  return [...ofTraces, ...ofResponses]
    .filter(({ row }) => row.counted === 1n)
    .map(({ workspace, row }) => foundSighting(workspace, row, block.file));
}

/** In the order in which they came. */
function doublesAmong(sightings: readonly FoundSighting[]): FoundSighting[] {
  const answered = new Map<string, SeenResponse[]>();
  const ofTraces = new Map<string, SightingIndex>();
  return sightings.filter((one) => {
    const sameId = one.responseId === '' ? [] : known(answered, responseName(one), () => []);
    const ofTrace = known(ofTraces, traceNameOf(one), () => new SightingIndex());
    const isDouble = sameId.some((other) => haveSameResponse(other, one.sighting)) || ofTrace.has(one.sighting);
    if (isDouble) return true;
    sameId.push(one.sighting);
    ofTrace.add(one.sighting);
    return false;
  });
}

/** Of a log its response alone tells of what call it is. */
function traceNameOf({ file, id, workspace, traceId }: FoundSighting): string {
  return id < 0n || !traceId ? `${file} ${id}` : traceName(workspace, traceId);
}

function known<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  const value = map.get(name) ?? make();
  map.set(name, value);
  return value;
}
