import { dollarsText } from '../../model/money.js';
import type { RunDay } from '../../store/control/runs.js';
import type { UsageRow } from '../../store/telemetry/generations.js';
import { renderSums } from '../usage-schema.js';
import type { Range } from './schema.js';

const NANOS_PER_MS = 1e6;

export function dateOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}

/** Members of every answer over a window, without braces. */
export function renderWindow(window: string, { fromUnixMs, toUnixMs }: Range): string {
  const [start, end] = [dateOf(fromUnixMs), dateOf(toUnixMs - 1)];
  return JSON.stringify({ window, start, end }).slice(1, -1);
}

function millis(nanos: number | undefined): number | null {
  return nanos === undefined ? null : nanos / NANOS_PER_MS;
}

function averageMillis({ durationNanoSum, requests }: UsageRow): number | null {
  return requests === 0 ? null : Number(durationNanoSum / BigInt(requests)) / NANOS_PER_MS;
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** With a member `name` of picodollars, to the last digit. */
function withDollars(members: object, name: string, picodollars: bigint): string {
  return `${JSON.stringify(members).slice(0, -1)},"${name}":${dollarsText(picodollars)}}`;
}

const NO_RUNS: Omit<RunDay, 'dayUnixMs'> = { runs: 0, failed: 0 };

export function renderDay(row: UsageRow, { runs, failed }: Omit<RunDay, 'dayUnixMs'> = NO_RUNS): string {
  const { usage, requests, errors, unpriced, picodollars } = row;
  const members = {
    date: dateOf(row.timeUnixMs!),
    request_count: requests,
    total_tokens: usage.input + usage.output,
    total_tokens_in: usage.input,
    total_tokens_out: usage.output,
    unpriced_count: unpriced,
    avg_latency_ms: averageMillis(row),
    p50_latency_ms: millis(row.p50DurationNano),
    p95_latency_ms: millis(row.p95DurationNano),
    p99_latency_ms: millis(row.p99DurationNano),
    error_rate: ratio(failed, runs),
    log_error_rate: ratio(errors, requests),
  };
  return withDollars(members, 'total_cost_usd', picodollars);
}

export function renderPromptRow(row: UsageRow): string {
  const { group, usage, requests, errors, picodollars } = row;
  const members = {
    prompt_name: group.prompt,
    version_tag: group.version || null,
    request_count: requests,
    total_tokens_in: usage.input,
    total_tokens_out: usage.output,
    avg_latency_ms: averageMillis(row),
    error_rate: ratio(errors, requests),
  };
  return withDollars(members, 'total_cost_usd', picodollars);
}

export function renderUsageRow(row: UsageRow): string {
  const members = JSON.stringify({
    ...(row.timeUnixMs !== undefined && { time: new Date(row.timeUnixMs).toISOString() }),
    group: row.group,
    avg_duration_ms: averageMillis(row),
    p50_duration_ms: millis(row.p50DurationNano),
    p95_duration_ms: millis(row.p95DurationNano),
    p99_duration_ms: millis(row.p99DurationNano),
  });
  return `${members.slice(0, -1)},${renderSums(row)}}`;
}
