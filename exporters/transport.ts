import type { Signal } from '../src/component.js';

/** What of a request's payload came as one, or was cut from it. */
export interface RequestPart {
  /** Its place in the buffer. */
  sequence: number;
  /** '' for all that stood there, else which half of which half: '0', '01'. */
  piece: string;
  items: number;
  receivedTimeUnixMs: number;
  payload: Uint8Array;
}

/** One request to a backend: whole OTLP `Export*ServiceRequest` bytes, as protobuf. */
export interface ExportRequest {
  signal: Signal;
  /** Whose data it is; '' where the destination makes no difference between workspaces. */
  workspace: string;
  payload: Buffer;
  /** What the payload is joined of, in its order; absent for a dead letter that is sent again. */
  parts?: readonly RequestPart[];
}

/** What a backend made of a request. */
export type Answer =
  /** `rejected` items of it are lost (partial success): they are never sent again. `unreadable`: what is wrong with the body. */
  | { kind: 'accepted'; rejected: number; message: string; unreadable?: string }
  /** The same bytes may be taken later, not before `retryAfterMs` when the backend says so. */
  | { kind: 'retry'; reason: string; retryAfterMs?: number }
  | { kind: 'too-large'; reason: string }
  /** Never to be sent again. `ofContent`: something in the payload is at fault, so that parts of it may be taken. */
  | { kind: 'refused'; reason: string; ofContent: boolean };

export interface Transport {
  /** For logs and /health/deep; without credentials. */
  readonly endpoint: string;
  /** Whether requests of one workspace differ from another's by more than their payload. */
  readonly byWorkspace: boolean;
  /** Whether what was received in one hour (UTC) stays apart from that of another one. */
  readonly byHour?: boolean;
  /** Whether nobody reads the payload's memory any more once the request was accepted. */
  readonly letsGo?: boolean;
  /** Never rejects. When `abort` is aborted it resolves soon, with whatever. */
  send(request: ExportRequest, abort: AbortSignal): Promise<Answer>;
  /** Safe when nothing was ever sent, and safe twice. */
  close(): Promise<void>;
}

/** A transport answers whatever happens; one that doesn't must not end the process. */
export function asRetry(error: unknown): Answer {
  return { kind: 'retry', reason: error instanceof Error ? error.message : String(error) };
}
