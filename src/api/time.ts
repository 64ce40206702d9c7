/** Times in queries: ISO 8601, or whole milliseconds since the epoch; nanoseconds have parameters of their own. */
import { z } from 'zod';

/** What the store's signed 64-bit columns hold: up to the year 2262. */
const MAX_UNIX_NANO = 2n ** 63n - 1n;
const NANOS_PER_MILLI = 1_000_000n;

/** zod knows the calendar (30 February is refused); without an offset the time is UTC. */
const ISO = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);

function clamp(nanos: bigint): bigint {
  if (nanos < 0n) return 0n;
  return nanos > MAX_UNIX_NANO ? MAX_UNIX_NANO : nanos;
}

function nanosOfFraction(digits: string | undefined): bigint {
  return BigInt((digits ?? '').slice(0, 9).padEnd(9, '0'));
}

/** undefined when the text is no time. A `+` that came as a space (not encoded in the URL) is taken as meant. */
export function parseTime(text: string): bigint | undefined {
  if (/^\d{1,15}$/.test(text)) return clamp(BigInt(text) * NANOS_PER_MILLI);
  const iso = text.replace(/(?<=T.*) (?=\d\d:\d\d$)/, '+');
  if (!ISO.safeParse(iso).success) return undefined;
  const [, whole, fraction, zone] = /^([^.Z+]*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(iso)!;
  const unixMs = Date.parse(`${whole!.includes('T') ? whole : `${whole}T00:00`}${zone ?? 'Z'}`);
  return clamp(BigInt(unixMs) * NANOS_PER_MILLI + nanosOfFraction(fraction));
}

/** For rows that are to the millisecond: the first one that is not before that time. */
export function firstMilli(nanos: bigint | undefined): number | undefined {
  return nanos === undefined ? undefined : Number((nanos + NANOS_PER_MILLI - 1n) / NANOS_PER_MILLI);
}

export function timeParameter(description: string) {
  return z
    .string()
    .transform((text, context) => {
      const nanos = parseTime(text);
      if (nanos !== undefined) return nanos;
      context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time or unix milliseconds' });
      return z.NEVER;
    })
    .meta({
      description: `${description}: ISO 8601 (UTC when it has no offset), or unix milliseconds`,
      examples: ['2026-11-22T09:00:00Z'],
    });
}

export function unixNanoParameter(description: string) {
  return z
    .string()
    .regex(/^\d{1,20}$/, 'must be unix nanoseconds')
    .transform((text) => clamp(BigInt(text)))
    .meta({ description: `${description}: unix nanoseconds` });
}
