/**
 * The integer id of a native log is made from its time, so that the log is found by its time, without an index of ids:
 * time_unix_nano = ms × 10^6 + low, id = (ms − EPOCH_MS) × 4096 + low, where low is 6 bits of the gateway's number and 6
 * bits of a counter. Ids stay exact in JavaScript until the year 2094.
 */

/** 2025-01-01T00:00:00Z */
const EPOCH_MS = 1_735_689_600_000;
const LOWS = 4096;
const IDS_PER_MS = 64;
const NANOS_PER_MS = 1_000_000n;

/** Of a record that the native door did not make, an id near its time, which may not be its own alone. */
export function logIdOf(timeUnixNano: bigint): number {
  const low = Number(timeUnixNano % NANOS_PER_MS);
  return (Number(timeUnixNano / NANOS_PER_MS) - EPOCH_MS) * LOWS + Math.min(low, LOWS - 1);
}

/** In nanoseconds since the epoch; undefined for what is no id. */
export function logTimeOf(id: number): bigint | undefined {
  if (!Number.isSafeInteger(id) || id < 0) return undefined;
  return BigInt(Math.floor(id / LOWS) + EPOCH_MS) * NANOS_PER_MS + BigInt(id % LOWS);
}

/**
 * Times of logs, from which their ids follow: strictly increasing, whatever the clock does. When more than 64 are asked
 * for in a millisecond, they come from the next ones, ahead of the clock.
 */
export class LogTimes {
  private lastMs = 0;
  private counter = 0;
  private gatewayBits = 0;

  constructor(
    private readonly gatewayNumber: () => number,
    private readonly now: () => number = Date.now,
  ) {}

  /** In nanoseconds since the epoch. */
  next(): bigint {
    const nowMs = this.now();
    if (nowMs > this.lastMs) this.enter(nowMs);
    else if (this.counter === IDS_PER_MS) this.enter(this.lastMs + 1);
    return BigInt(this.lastMs) * NANOS_PER_MS + BigInt(this.gatewayBits + this.counter++);
  }

  /**
   * The gateway's number may change, but not within a millisecond: ids would go back. It comes first: a gateway that has
   * none yet throws, and has entered nothing.
   */
  private enter(ms: number): void {
    this.gatewayBits = (this.gatewayNumber() % IDS_PER_MS) * IDS_PER_MS;
    this.lastMs = ms;
    this.counter = 0;
  }
}
