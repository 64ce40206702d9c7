import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import { integer, list, milliseconds, type SettingMeta } from '../../setting.js';

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** As OTEL_EXPORTER_OTLP_HEADERS is written: `name=value` between commas, percent-encoded where need be. */
function headers() {
  const expected = 'expected name=value, with commas between several';
  return list()
    .refine((pairs) => pairs.every((pair) => pair.indexOf('=') > 0), expected)
    .transform((pairs) => Object.fromEntries(pairs.map(readPair)))
    .refine((all) => Object.entries(all).every(canBeSent), 'expected names and values that HTTP can carry');
}

function canBeSent([name, value]: [string, string]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function readPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  const value = pair.slice(at + 1).trim();
  return [pair.slice(0, at).trim().toLowerCase(), decoded(value)];
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The OTEL_EXPORTER_OTLP_* variables say where data of others goes: what this process tells of itself has its own. */
export const selfTelemetrySettings = z.object({
  endpoint: z
    .string()
    .refine(isHttpUrl, 'expected an http:// or https:// URL')
    .transform((value) => new URL(value))
    .optional()
    .meta({
      env: 'SELF_TELEMETRY_ENDPOINT',
      description:
        "Where the gateway's own spans and metrics go by OTLP/HTTP (/v1/traces and /v1/metrics are put behind it); without it there are none",
    } satisfies SettingMeta),
  headers: headers()
    .optional()
    .meta({
      env: 'SELF_TELEMETRY_HEADERS',
      description: 'Headers for it: name=value, with commas between several',
      secret: true,
    } satisfies SettingMeta),
  samplingPercent: integer(0, 100)
    .prefault('100')
    .meta({
      env: 'SELF_TELEMETRY_SAMPLING_PERCENT',
      description: 'How many of its traces are sent; a traceparent of the caller decides for its own',
    } satisfies SettingMeta),
  metricsIntervalMs: milliseconds(1000, 3_600_000)
    .prefault('60000')
    .meta({
      env: 'SELF_TELEMETRY_METRICS_INTERVAL_MS',
      description: 'How often its metrics are sent',
    } satisfies SettingMeta),
});

export type SelfTelemetryConfig = z.infer<typeof selfTelemetrySettings>;
