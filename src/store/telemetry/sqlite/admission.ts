/** What of a batch is new: its spans, and of the frames with a trailer what each brings and what it is told. */
import type { FrameOutcome } from '../../../component.js';
import type { DecodedFrame, TraceRecord } from '../../../model/telemetry.js';
import type { KeyedAnswer, TraceName } from './recent-block.js';
import type { RecentBlocks } from './recent-blocks.js';
import { hashTraceId } from './trace-filter.js';
import { type Duplicate, dropDuplicates, groupByTrace, isOfTrace, type TraceGroup } from './trace-groups.js';

export interface Declaration {
  workspace: string;
  record: TraceRecord;
  receivedTimeUnixMs: number;
}

export interface KeyedFrame {
  frame: DecodedFrame;
  outcome: FrameOutcome;
}

export interface Admission {
  /** Without those that a request with the same idempotency key stands for. */
  frames: readonly DecodedFrame[];
  /** Without duplicates; empty groups are left out. */
  groups: readonly TraceGroup[];
  duplicateSpans: number;
  /** How many traces no block knew. */
  newTraces: number;
  declarations: readonly Declaration[];
  /** Frames whose idempotency key counts from now on. */
  keyed: readonly KeyedFrame[];
  outcomes: FrameOutcome[];
}

/** A key is free again after as long. */
const KEY_LIFE_MS = 24 * 60 * 60 * 1000;

/** `frames` are those of the batch that were not applied before. */
export function admit(frames: readonly DecodedFrame[], recent: RecentBlocks): Admission {
  const isNative = frames.some(({ native }) => native !== undefined);
  return isNative ? new NativeAdmission(frames, recent).admit() : { ...distinctSpans(frames, recent), ...NO_NATIVE };
}

const NO_NATIVE = { declarations: [], keyed: [], outcomes: [] };

interface DistinctSpans extends Pick<Admission, 'frames' | 'groups' | 'duplicateSpans' | 'newTraces'> {
  /** Of frames with a trailer. */
  duplicates: Duplicate[];
}

function distinctSpans(frames: readonly DecodedFrame[], recent: RecentBlocks): DistinctSpans {
  const groups = groupByTrace(frames);
  const duplicates: Duplicate[] = [];
  let duplicateSpans = 0;
  let newTraces = 0;
  for (const group of groups) {
    if (group.revision > 0) group.revision = Math.max(group.revision, revisionBefore(group, recent) + 1);
    const stored = recent.spanIds(group);
    group.isNew = stored.length === 0 && !followsOwnTrace(group);
    if (group.isNew) newTraces++;
    // A revision is there to take the place of what is stored.
    const dropped = dropDuplicates(group, group.revision === 0 ? stored : []);
    duplicateSpans += dropped.length;
    for (const duplicate of dropped) if (duplicate.frame.native) duplicates.push(duplicate);
  }
  return { frames, groups: groups.filter(({ spans }) => spans.length > 0), duplicateSpans, newTraces, duplicates };
}

/** Times alone do not order revisions: a clock is set back, and within a millisecond their numbers begin anew. */
function revisionBefore(group: TraceGroup, recent: RecentBlocks): number {
  let last = recent.lastRevision(group);
  for (let other = group.sameHash; other; other = other.sameHash) {
    if (isOfTrace(other, group.workspace, group.traceId)) last = Math.max(last, other.revision);
  }
  return last;
}

/** Whether an earlier group is of the same trace: one of them revises. */
function followsOwnTrace(group: TraceGroup): boolean {
  for (let other = group.sameHash; other; other = other.sameHash) {
    if (isOfTrace(other, group.workspace, group.traceId)) return true;
  }
  return false;
}

class NativeAdmission {
  private readonly outcomes = new Map<DecodedFrame, FrameOutcome>();
  /** Frames of this batch by their key. */
  private readonly byKey = new Map<string, DecodedFrame>();
  /** Frames that another of this batch has answered for. */
  private readonly repeats: { frame: DecodedFrame; first: DecodedFrame }[] = [];

  constructor(
    private readonly batch: readonly DecodedFrame[],
    private readonly recent: RecentBlocks,
  ) {}

  admit(): Admission {
    const frames = this.batch.filter((frame) => this.takesKey(frame));
    const { duplicates, ...spans } = distinctSpans(frames, this.recent);
    const { declarations, known } = this.declare(frames, spans.groups);
    const names = namesByFrame(duplicates);
    for (const frame of frames) {
      if (frame.native) this.outcomes.set(frame, outcomeOf(frame, known.get(frame) ?? [], names.get(frame)));
    }
    for (const { frame, first } of this.repeats) this.repeat(frame, first);
    return {
      ...spans,
      frames: frames.filter((frame) => this.outcomes.get(frame)?.written ?? true),
      newTraces: spans.newTraces + declarations.filter(({ isNew }) => isNew).length,
      declarations,
      keyed: this.keyed(frames),
      outcomes: this.batch.flatMap((frame) => this.outcomes.get(frame) ?? []),
    };
  }

  /** False when nothing of the frame is to be written: its key was used. */
  private takesKey(frame: DecodedFrame): boolean {
    const { native, workspace, receivedTimeUnixMs } = frame;
    if (!native?.idempotency) return true;
    const { key } = native.idempotency;
    const name = JSON.stringify([workspace, key]);
    const first = this.byKey.get(name);
    if (first) {
      this.repeats.push({ frame, first });
      return false;
    }
    const stored = this.recent.keyedAnswer({ workspace, key, receivedFrom: receivedTimeUnixMs - KEY_LIFE_MS });
    if (!stored) this.byKey.set(name, frame);
    else this.outcomes.set(frame, answeredBefore(frame, stored));
    return stored === undefined;
  }

  /** A frame that wrote nothing leaves its key free, and an equal one beside it learns the same. */
  private repeat(frame: DecodedFrame, first: DecodedFrame): void {
    const { fingerprint, answer } = first.native!.idempotency!;
    const { written, knownTraces, knownSpans } = this.outcomes.get(first)!;
    const stored = { fingerprint, answer, knownTraces, knownSpans };
    const { replayed, ...rest } = answeredBefore(frame, stored);
    this.outcomes.set(frame, written && replayed !== undefined ? { ...rest, replayed } : rest);
  }

  private keyed(frames: readonly DecodedFrame[]): KeyedFrame[] {
    return frames
      .filter(({ native }) => native?.idempotency)
      .map((frame) => ({ frame, outcome: this.outcomes.get(frame)! }))
      .filter(({ outcome }) => outcome.written);
  }

  /** Of each trace the first declaration; `known` are the others, by frame. */
  private declare(frames: readonly DecodedFrame[], groups: readonly TraceGroup[]) {
    const declarations: (Declaration & { isNew: boolean })[] = [];
    const known = new Map<DecodedFrame, string[]>();
    const names = new Set<string>();
    for (const frame of frames) {
      for (const record of frame.native?.traces ?? []) {
        const name = nameOf(frame.workspace, record);
        const isKnown = names.has(name) || this.recent.isDeclared(traceNameOf(frame.workspace, record));
        if (isKnown) known.set(frame, [...(known.get(frame) ?? []), hex(record.traceId)]);
        else declarations.push(this.declaration(frame, record, groups));
        names.add(name);
      }
    }
    return { declarations, known };
  }

  private declaration(
    { workspace, receivedTimeUnixMs }: DecodedFrame,
    record: TraceRecord,
    groups: readonly TraceGroup[],
  ): Declaration & { isNew: boolean } {
    const trace = traceNameOf(workspace, record);
    const inBatch = (group: TraceGroup) => group.hash === trace.hash && isOfTrace(group, workspace, record.traceId);
    return { workspace, record, receivedTimeUnixMs, isNew: !groups.some(inBatch) && !this.recent.holds(trace) };
  }
}

function traceNameOf(workspace: string, { traceId }: TraceRecord): TraceName {
  if (traceId.length !== 16) throw new TypeError('a declared trace has an id of 16 bytes');
  return { workspace, traceId, hash: hashTraceId(traceId) };
}

function nameOf(workspace: string, { traceId }: TraceRecord): string {
  return `${hex(traceId)}${workspace}`;
}

function outcomeOf(frame: DecodedFrame, knownTraces: string[], names: readonly string[] = []): FrameOutcome {
  const { sequence, spans, native, logRecords, metricPoints } = frame;
  const knownSpans = namesInOrder(frame, names);
  const items = spans.length + native!.traces.length + logRecords.length + metricPoints.length;
  // A frame without any (a deletion) is always news.
  const written = items === 0 || items > knownSpans.length + knownTraces.length;
  return { sequence, written, knownTraces, knownSpans };
}

function answeredBefore({ sequence, native }: DecodedFrame, stored: KeyedAnswer): FrameOutcome {
  const { fingerprint, answer, knownTraces, knownSpans } = stored;
  if (fingerprint !== native!.idempotency!.fingerprint)
    return { sequence, written: false, knownTraces: [], knownSpans: [], keyReused: true };
  return { sequence, written: false, knownTraces, knownSpans, replayed: answer };
}

function namesByFrame(duplicates: readonly Duplicate[]): Map<DecodedFrame, string[]> {
  const names = new Map<DecodedFrame, string[]>();
  for (const { frame, span } of duplicates) {
    const ofFrame = names.get(frame);
    const name = hex(span.traceId) + hex(span.spanId);
    if (ofFrame) ofFrame.push(name);
    else names.set(frame, [name]);
  }
  return names;
}

/** As the spans stand in the frame; of equal ones the last were left out. */
function namesInOrder({ spans }: DecodedFrame, names: readonly string[]): string[] {
  if (names.length <= 1) return [...names];
  const left = new Map<string, number>();
  for (const name of names) left.set(name, (left.get(name) ?? 0) + 1);
  const found: string[] = [];
  for (const span of spans.toReversed()) {
    const name = hex(span.traceId) + hex(span.spanId);
    const count = left.get(name) ?? 0;
    if (count === 0) continue;
    left.set(name, count - 1);
    found.push(name);
  }
  return found.reverse();
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}
