/** Durations as the Collector writes them (Go's time.ParseDuration), from a millisecond up. */
import { z } from 'zod';

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export const EXPECTED_DURATION = 'expected a duration such as 500ms, 10s or 1h30m';

/** Undefined for what is none. */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS_MS[unit!]!, 0));
}

/** A setting in milliseconds. */
export function duration(minMs: number, maxMs: number) {
  return z.string().transform((text, context) => {
    const value = durationMs(text);
    if (value !== undefined && value >= minMs && value <= maxMs) return value;
    const bounds = value === undefined ? EXPECTED_DURATION : `expected a duration from ${minMs}ms to ${maxMs}ms`;
    context.addIssue({ code: 'custom', message: bounds });
    return z.NEVER;
  });
}
