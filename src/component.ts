import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayError } from './errors.js';

/**
 * The interfaces between the rooms of the house. Receivers know only an {@link Appender}; workers and exporters know
 * only a {@link BufferConsumer}; the API knows only the store's reader interfaces.
 */

/** Created without I/O, opened by `start`, closed by `shutdown`, which is safe when never started, and safe twice. */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  /** Stops accepting, flushes, closes; gives up waiting (never losing acknowledged data) after `deadlineMs`. */
  shutdown(options: { deadlineMs: number }): Promise<void>;
}

export type Signal = 'traces' | 'logs' | 'metrics';
export const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics'];
/** Items of each signal. */
export type ItemCounts = Readonly<Record<Signal, number>>;

/** The encoding of a frame's payload: the OTLP `Export*ServiceRequest` as protobuf bytes, or as OTLP/JSON in UTF-8. */
export type Encoding = 'protobuf' | 'json';

export interface FrameInput {
  signal: Signal;
  encoding: Encoding;
  workspace: string;
  /** Spans, log records or data points that the payload holds. */
  items: number;
  /** One request's bytes: whole, or in pieces that are written one after another. */
  payload: Uint8Array | readonly Uint8Array[];
  /**
   * What goes with the payload and is not OTLP (src/model/trailer.ts): exporters pass it by. Absent and empty are one.
   */
  trailer?: Uint8Array;
}

export interface Appended {
  /** The frame's place in the order of the buffer: 1, 2, 3, … never reused within one buffer id. */
  sequence: number;
  /** What its sender may ask for it by (src/buffer/batch-ids.ts). */
  batchId?: string;
}

/** What a request that was taken is answered with, over HTTP as a header and over gRPC as trailing metadata. */
export const BATCH_ID_HEADER = 'x-batch-id';

export interface Appender {
  /**
   * Resolves when the frame is as durable as the configured policy promises.
   * Rejects with a GatewayError: BUFFER_FULL, DISK_FULL, DISK_FAILED, SHUTTING_DOWN (all retryable) or
   * PAYLOAD_TOO_LARGE (larger than one segment holds).
   */
  append(frame: FrameInput): Promise<Appended>;
}

/** A frame as it stands in the buffer. `payload` is a view into the range that was read: copy what outlives it. */
export interface Frame {
  sequence: number;
  signal: Signal;
  encoding: Encoding;
  workspace: string;
  items: number;
  receivedTimeUnixMs: number;
  payload: Buffer;
  /** Empty when the frame has none. A view like the payload. */
  trailer: Buffer;
}

/** A run of whole frames inside one segment file: plain data, so that it can be handed to a worker thread. */
export interface FrameRange {
  /** Absolute path of the segment file. */
  path: string;
  offset: number;
  length: number;
  firstSequence: number;
  lastSequence: number;
  frames: number;
  items: number;
  /** Which of them are of which signal. */
  signals: ItemCounts;
  /** When the oldest frame of the range was received, in milliseconds since the epoch. */
  oldestReceivedTimeUnixMs: number;
}

export interface ConsumerLag {
  bytes: number;
  frames: number;
  items: number;
  /** Age of the oldest frame that is not released, 0 when there is none. */
  oldestAgeMs: number;
}

/** What a consumer lost because it lagged by more than its share. */
export interface Loss {
  /** What had not been handed out yet. */
  bytes: number;
  frames: number;
  items: number;
  signals: ItemCounts;
  /** Where that stood; undefined when all of it had been handed out. */
  skipped: SequenceRange | undefined;
  /** Ranges that were handed out and not released: their place may be written over, so who has them may not read them now. */
  abandoned: FrameRange[];
}

export interface ConsumerOptions {
  /** Where one that is new begins: at the oldest frame that others still need, or behind the newest. */
  from?: 'oldest' | 'now';
  /**
   * Makes it lose its oldest frames rather than hold the others up: when it lags by more than `maxLagBytes`, and when it
   * alone keeps the buffer full. Told after the cursor has moved on.
   */
  overflow?: { maxLagBytes: number; lost(loss: Loss): void };
}

/** One follower of the buffer with its own cursor. Ranges come in order; they may be released in any order. */
export interface BufferConsumer {
  readonly name: string;
  /** The next range that was not handed out yet, at most about `maxBytes` / `maxItems` (at least one frame). */
  next(limit: { maxBytes: number; maxItems: number }): FrameRange | undefined;
  /** Bytes and items that are durable and not handed out yet. */
  pending(): { bytes: number; items: number; oldestReceivedTimeUnixMs: number };
  /** Resolves at once when something is pending, else as soon as something becomes durable, or `signal` aborts. */
  readable(signal: AbortSignal): Promise<void>;
  /** The range needs never be read again. The cursor moves over all that is released without a gap. */
  release(range: FrameRange): void;
  /** The sequence of the first frame that is not released, as it is on disk (a restart resumes from here). */
  persistedCursor(): number;
  lag(): ConsumerLag;
}

/** Sequences `first` to `last`, both included. */
export interface SequenceRange {
  first: number;
  last: number;
}

/** What became of a frame with a trailer, once its rows can be read. */
export interface FrameOutcome {
  sequence: number;
  /**
   * False: nothing of it was new, so nothing was written, and its audit entries are void. A frame without rows and
   * declarations (a deletion) is written, unless its idempotency key says otherwise.
   */
  written: boolean;
  /** Traces that were declared before, in hex, in the order of the frame. Their declaration stays as it was. */
  knownTraces: string[];
  /** Spans that were there before: trace id and span id in hex, one after the other, in the order of the frame. */
  knownSpans: string[];
  /** The answer that an earlier frame with the same idempotency key was given: then nothing of this one was written. */
  replayed?: string;
  /** The idempotency key belongs to another request: nothing of this one was written. */
  keyReused?: boolean;
}

/** Tells those who wait for their rows. */
export interface Outcomes {
  /**
   * Of a frame with a trailer that was just appended; ask in the turn of the event loop in which `append` resolved.
   * Storing begins at once, without waiting for a larger batch. Rejects with STORE_UNAVAILABLE when the rows can't be
   * read within the time that `createDrain` was given (they are durable, and will be), SHUTTING_DOWN, or INVALID_PAYLOAD
   * when the frame went to the dead letters.
   */
  of(sequence: number): Promise<FrameOutcome>;
  /** Resolves when it is known what became of a frame that `of` gave up on, however long that takes; else at once. */
  settled(sequence: number): Promise<void>;
  /** Resolves when all that stood in the buffer when the drain was started is stored. */
  caughtUp(): Promise<void>;
}

/** Runs one named operation on a worker thread; arguments and results are structured-cloneable plain data. */
export interface TaskPool {
  /** `transfer`: memory of the argument that goes to the thread instead of being copied, and is gone here. */
  run<Result>(operation: string, argument: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result>;
}

/** What is known of a request before its body is read. */
export interface Caller {
  /** Header (or gRPC metadata) names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address of the other end, '' when it is unknown. */
  peer: string;
}

/** Names the workspace that a caller writes to, or throws UNAUTHORIZED, FORBIDDEN or RATE_LIMIT_EXCEEDED. */
export type Authenticate = (caller: Caller) => string | Promise<string>;

/** The share that one request has in the bytes in flight. */
export interface BytesLease {
  /** Throws OVERLOADED, and holds no more than before, when the bound would be passed. */
  add(bytes: number): void;
  /** Throws OVERLOADED when so many bytes more would pass the bound now. Holds nothing for them. */
  expect(bytes: number): void;
  /** Safe twice. */
  release(): void;
}

/** Bytes of requests that are in memory between the first byte read and the answer, counted over every door. */
export interface BytesInFlight {
  lease(): BytesLease;
}

/** OTLP/HTTP at a door that is not its own: the API's port hands raw requests over. Every method answers by itself. */
export interface OtlpHandler {
  /** For a protobuf request whose body nobody has touched: reads, checks, appends, answers. */
  handle(signal: Signal, workspace: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /**
   * The body of a request, decompressed, within the size and in-flight limits; its bytes count as in flight until the
   * response closes. Rejects with PAYLOAD_TOO_LARGE, OVERLOADED, UNSUPPORTED_ENCODING, INVALID_PAYLOAD, REQUEST_TIMEOUT.
   */
  readBody(request: IncomingMessage, response: ServerResponse): Promise<Buffer>;
  /** Whether a JSON body is OTLP (resourceSpans, resourceLogs or resourceMetrics at its top) and not native. */
  looksLikeOtlpJson(body: Buffer): boolean;
  /** For a body that `readBody` returned. */
  handleBody(
    signal: Signal,
    workspace: string,
    encoding: Encoding,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void>;
  /** Answers with the error as OTLP/HTTP writes it, in the encoding that the Content-Type names. */
  refuse(signal: Signal, error: GatewayError, request: IncomingMessage, response: ServerResponse): void;
}
