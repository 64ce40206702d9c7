import type { Appender, FrameInput } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { Buckets } from '../../src/limits/buckets.js';
import type { LimitConfig } from '../../src/limits/config.js';
import { TokenBucket } from '../../src/limits/token-bucket.js';

/** Workspaces that are remembered; each takes some 200 bytes. */
const MAX_WORKSPACES = 10_000;

export interface IngestLimitOptions {
  config: Pick<LimitConfig, 'otlpSpansPerSecond' | 'otlpBytesPerSecond'>;
  next: Appender;
  /** A clock that never goes back. */
  nowMs?: () => number;
}

interface Rate {
  unit: string;
  perSecond: number;
  amountOf(frame: FrameInput): number;
}

function bytesOf({ payload }: FrameInput): number {
  return payload instanceof Uint8Array ? payload.length : payload.reduce((sum, piece) => sum + piece.length, 0);
}

function ratesOf({ otlpSpansPerSecond, otlpBytesPerSecond }: IngestLimitOptions['config']): Rate[] {
  const rates: Rate[] = [
    { unit: 'spans, log records and data points', perSecond: otlpSpansPerSecond, amountOf: (frame) => frame.items },
    { unit: 'bytes', perSecond: otlpBytesPerSecond, amountOf: bytesOf },
  ];
  return rates.filter(({ perSecond }) => perSecond > 0);
}

function exceeded({ unit, perSecond }: Rate, retryAfterMs: number): GatewayError {
  return new GatewayError('RATE_LIMIT_EXCEEDED', `Rate limit exceeded: ${perSecond} ${unit} a second`, {
    retryAfterMs,
  });
}

/**
 * What a workspace may send to this gateway: so many items and so many bytes a second, of all its keys together. A
 * second's worth may come at once, and a request larger than that passes when nothing came for a second. What is refused
 * costs nothing, and is told when to come again. Without rates, this is `next` itself.
 */
export function createIngestLimit({ config, next, nowMs = () => performance.now() }: IngestLimitOptions): Appender {
  const rates = ratesOf(config);
  if (rates.length === 0) return next;
  const workspaces = new Buckets<TokenBucket[]>({
    max: MAX_WORKSPACES,
    create: () => rates.map(({ perSecond }) => new TokenBucket(perSecond)),
  });

  function charge(frame: FrameInput): void {
    const buckets = workspaces.touch(frame.workspace);
    const now = nowMs();
    for (const [index, rate] of rates.entries()) {
      const waitMs = buckets[index]!.waitMs(rate.amountOf(frame), now);
      if (waitMs > 0) throw exceeded(rate, waitMs);
    }
    for (const [index, rate] of rates.entries()) buckets[index]!.take(rate.amountOf(frame), now);
  }

  return {
    // Async, so that a refusal is a rejection as it is everywhere else.
    async append(frame) {
      charge(frame);
      return next.append(frame);
    },
  };
}
