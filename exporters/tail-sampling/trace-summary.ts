/** What is known of a trace that waits for its verdict: a few numbers, however many spans it has. */
import type { TraceKey } from './verdict-table.js';

export interface TraceSummary {
  key: TraceKey;
  /** The last seven bytes of the trace id: what shares are drawn by. */
  randomness: bigint;
  /** Of the frame in which it came first. */
  firstSequence: number;
  /** By the sampler's clock. */
  deadlineMs: number;
  /** A bit for each condition that one of its spans or log records fulfils. */
  matched: number;
  /** Of all its spans; the start is 0 while none has come. */
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  spans: number;
  picodollars: bigint;
  tokens: number;
  /** Calls that were counted: the same call may be seen twice. */
  calls: Set<string> | undefined;
}

/** W3C Trace Context Level 2: the random part of a trace id is its last 7 bytes. */
export function randomnessOf(traceId: Uint8Array): bigint {
  let value = 0n;
  for (let i = 9; i < 16; i++) value = (value << 8n) | BigInt(traceId[i]!);
  return value;
}

export function newSummary(
  place: Pick<TraceSummary, 'key' | 'randomness' | 'firstSequence' | 'deadlineMs'>,
): TraceSummary {
  return {
    ...place,
    matched: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    spans: 0,
    picodollars: 0n,
    tokens: 0,
    calls: undefined,
  };
}
