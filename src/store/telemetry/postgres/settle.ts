/** What of a batch is written, once it is known which of its native frames' ids are there: frame by frame, in order. */
import type { FrameOutcome } from '../../../component.js';
import type { DecodedFrame, Span } from '../../../model/telemetry.js';
import type { DeclaredTrace, Known } from './claims.js';
import { hexOf, isNative, type NativeFrame, spanKey, spanName, traceKey } from './native-ids.js';
import { signed } from './time.js';

/** A span that takes the place of stored ones, if there are any. */
export interface Revision {
  key: string;
  workspace: string;
  span: Span;
  receivedTimeUnixMs: number;
  /** Where it was found: the start that it was claimed with, or, when it came by OTLP, about its own. */
  near: bigint | undefined;
}

export interface Settled {
  frames: readonly DecodedFrame[];
  outcomes: FrameOutcome[];
  knownSpans: number;
  declared: DeclaredTrace[];
  revisions: Revision[];
}

/** A batch without native frames. */
export function unsettled(frames: readonly DecodedFrame[]): Settled {
  return { frames, outcomes: [], knownSpans: 0, declared: [], revisions: [] };
}

export function settle(
  frames: readonly DecodedFrame[],
  known: Known,
  repeated: ReadonlyMap<number, FrameOutcome>,
): Settled {
  const settling = new Settling(known, new Set(frames.filter(isNative).flatMap(tracesOf)));
  for (const frame of frames) {
    const repetition = repeated.get(frame.sequence);
    if (repetition) settling.outcomes.push(repetition);
    else if (isNative(frame)) settling.native(frame);
    else settling.otlp(frame);
  }
  const settled = settling.settled();
  return settled.frames.every((frame, at) => frame === frames[at]) && settled.frames.length === frames.length
    ? { ...settled, frames }
    : settled;
}

function tracesOf({ spans }: NativeFrame): string[] {
  return spans.map((span) => hexOf(span.traceId));
}

/** A frame on its way; spans that a later frame revises are taken out again. */
interface Draft {
  frame: DecodedFrame;
  spans: Span[];
  dropped: Set<Span>;
}

class Settling {
  readonly outcomes: FrameOutcome[] = [];
  private readonly drafts: Draft[] = [];
  private readonly places = new Map<string, { draft: Draft; span: Span }>();
  private readonly declared = new Map<string, DeclaredTrace>();
  private readonly revisions = new Map<string, Revision>();
  private knownSpans = 0;

  constructor(
    private readonly known: Known,
    private readonly nativeTraces: ReadonlySet<string>,
  ) {}

  otlp(frame: DecodedFrame): void {
    const draft = { frame, spans: frame.spans, dropped: new Set<Span>() };
    this.drafts.push(draft);
    if (this.nativeTraces.size === 0) return;
    for (const span of frame.spans) {
      if (!this.nativeTraces.has(hexOf(span.traceId))) continue;
      const key = spanKey(frame.workspace, span);
      if (!this.places.has(key)) this.places.set(key, { draft, span });
    }
  }

  native(frame: NativeFrame): void {
    const draft: Draft = { frame, spans: [], dropped: new Set() };
    const known = { traces: [] as string[], spans: [] as string[] };
    for (const span of frame.spans) if (!this.add(draft, frame, span)) known.spans.push(spanName(span));
    const declared = frame.native.traces.filter((record) => this.declare(frame, record));
    for (const record of frame.native.traces) if (!declared.includes(record)) known.traces.push(hexOf(record.traceId));
    this.drafts.push(draft);
    this.knownSpans += known.spans.length;
    const written = isDeletion(frame) || draft.spans.length + declared.length + countOthers(frame) > 0;
    this.outcomes.push({ sequence: frame.sequence, written, knownTraces: known.traces, knownSpans: known.spans });
  }

  /** False when the span is there, and stays as it is. */
  private add(draft: Draft, frame: NativeFrame, span: Span): boolean {
    const key = spanKey(frame.workspace, span);
    const place = this.places.get(key);
    if (frame.native.revises) this.revise(key, frame, span, place);
    else if (place || this.known.spans.has(key)) return false;
    draft.spans.push(span);
    this.places.set(key, { draft, span });
    return true;
  }

  private revise(key: string, frame: NativeFrame, span: Span, place: { draft: Draft; span: Span } | undefined): void {
    place?.draft.dropped.add(place.span);
    const stored = this.known.spans.get(key);
    const near = stored && (stored.start ?? signed(span.startTimeUnixNano));
    const { workspace, receivedTimeUnixMs } = frame;
    this.revisions.set(key, { key, workspace, span, receivedTimeUnixMs, near });
  }

  private declare(frame: NativeFrame, record: DeclaredTrace['record']): boolean {
    const { workspace, receivedTimeUnixMs: received } = frame;
    const key = traceKey(workspace, record.traceId);
    if (this.known.traces.has(key) || this.declared.has(key)) return false;
    this.declared.set(key, { key, workspace, received, record });
    return true;
  }

  settled(): Settled {
    const frames = this.drafts.map(({ frame, spans, dropped }) => {
      const left = dropped.size > 0 ? spans.filter((span) => !dropped.has(span)) : spans;
      return left.length === frame.spans.length ? frame : { ...frame, spans: left };
    });
    const { outcomes, knownSpans } = this;
    return {
      frames,
      outcomes,
      knownSpans,
      declared: [...this.declared.values()],
      revisions: [...this.revisions.values()],
    };
  }
}

function isDeletion(frame: NativeFrame): boolean {
  return frame.spans.length + frame.native.traces.length + countOthers(frame) === 0;
}

function countOthers({ logRecords, metricPoints }: DecodedFrame): number {
  return logRecords.length + metricPoints.length;
}
