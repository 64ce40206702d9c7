/** How a batch calls the spans and traces of its native frames while it is sorted out. */
import type { DecodedFrame, Span } from '../../../model/telemetry.js';

export function hexOf(id: Uint8Array): string {
  return Buffer.prototype.hexSlice.call(id, 0, id.length);
}

export function traceKey(workspace: string, traceId: Uint8Array): string {
  return `${workspace}/${hexOf(traceId)}`;
}

export function spanKey(workspace: string, { traceId, spanId }: Pick<Span, 'traceId' | 'spanId'>): string {
  return `${workspace}/${hexOf(traceId)}${hexOf(spanId)}`;
}

/** As `FrameOutcome.knownSpans` names it. */
export function spanName({ traceId, spanId }: Pick<Span, 'traceId' | 'spanId'>): string {
  return hexOf(traceId) + hexOf(spanId);
}

export type NativeFrame = DecodedFrame & { native: NonNullable<DecodedFrame['native']> };

export function isNative(frame: DecodedFrame): frame is NativeFrame {
  return frame.native !== undefined;
}

/** Of SQL. */
export function traceIdArray(traceIds: Iterable<Uint8Array>): string {
  return `'{${[...new Set([...traceIds].map(hexOf))].join(',')}}'::uuid[]`;
}
