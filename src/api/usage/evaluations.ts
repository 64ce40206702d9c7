/** Results of evaluations that came as OpenTelemetry's event for them, by name and day. */
import { parseAttributes, type TypedValue } from '../../model/json-value.js';
import type { LogQuery, StoredLogRecord, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { dateOf } from './render.js';
import type { Range } from './schema.js';

export const EVALUATION_EVENT = 'gen_ai.evaluation.result';

const NANOS_PER_MS = 1_000_000n;
const PAGE_RESULTS = 1000;
/** Looked at for one answer, the newest first: some hundred milliseconds of reading. */
const MAX_RESULTS = 20_000;

interface Day {
  count: number;
  sum: number;
  min: number;
  max: number;
}

export interface Trend {
  evaluation_id: null;
  name: string;
  prompt_name: string | null;
  trend: { date: string; avg_score: number; result_count: number; min_score: number; max_score: number }[];
}

export interface Evaluations {
  evaluations: Trend[];
  /** There were more results than are looked at: the oldest are left out. */
  truncated: boolean;
}

export const NO_EVALUATIONS: Readonly<Evaluations> = { evaluations: [], truncated: false };

function scoreOf(value: TypedValue | undefined): number | undefined {
  const score = value?.kind === 'int' ? Number(value.value) : value?.kind === 'double' ? value.value : undefined;
  return score !== undefined && Number.isFinite(score) ? score : undefined;
}

function textOf(value: TypedValue | undefined): string | undefined {
  return value?.kind === 'string' && value.value !== '' ? value.value : undefined;
}

/** Days of each evaluation (and prompt); results without a score or a name are of none. */
class Trends {
  private readonly days = new Map<string, Map<number, Day>>();

  add({ attributes, timeUnixNano, observedTimeUnixNano }: StoredLogRecord): void {
    const values = new Map(parseAttributes(attributes));
    const name = textOf(values.get('gen_ai.evaluation.name'));
    const score = scoreOf(values.get('gen_ai.evaluation.score.value'));
    if (name === undefined || score === undefined) return;
    const time = timeUnixNano === 0n ? observedTimeUnixNano : timeUnixNano;
    this.count(JSON.stringify([name, textOf(values.get('gen_ai.prompt.name')) ?? null]), time, score);
  }

  toList(): Trend[] {
    const named = [...this.days].map(([key, days]) => ({ names: JSON.parse(key) as [string, string | null], days }));
    named.sort((a, b) => (JSON.stringify(a.names) < JSON.stringify(b.names) ? -1 : 1));
    return named.map(({ names: [name, promptName], days }) => ({
      evaluation_id: null,
      name,
      prompt_name: promptName,
      trend: [...days].sort(([a], [b]) => a - b).map(([day, sums]) => renderDay(day, sums)),
    }));
  }

  private count(key: string, timeUnixNano: bigint, score: number): void {
    const days = this.days.get(key) ?? new Map<number, Day>();
    this.days.set(key, days);
    const day = Number(timeUnixNano / NANOS_PER_MS / DAY_MS);
    const { count, sum, min, max } = days.get(day) ?? { count: 0, sum: 0, min: score, max: score };
    days.set(day, { count: count + 1, sum: sum + score, min: Math.min(min, score), max: Math.max(max, score) });
  }
}

const DAY_MS = 86_400_000n;

function renderDay(day: number, { count, sum, min, max }: Day): Trend['trend'][number] {
  const date = dateOf(day * Number(DAY_MS));
  return { date, avg_score: sum / count, result_count: count, min_score: min, max_score: max };
}

export async function readEvaluations(
  telemetry: Pick<TelemetryReader, 'listLogs'>,
  workspace: string,
  { fromUnixMs, toUnixMs, name }: Range & { name: string | undefined },
): Promise<Evaluations> {
  const trends = new Trends();
  const range = { fromUnixNano: BigInt(fromUnixMs) * NANOS_PER_MS, toUnixNano: BigInt(toUnixMs) * NANOS_PER_MS };
  const named = name === undefined ? {} : { attributes: [{ key: 'gen_ai.evaluation.name', value: name }] };
  let query: LogQuery = { workspace, eventName: EVALUATION_EVENT, ...range, ...named, limit: PAGE_RESULTS };
  for (let seen = 0; seen < MAX_RESULTS; ) {
    const page = await telemetry.listLogs(query);
    for (const record of page.items) trends.add(record);
    if (!page.next) return { evaluations: trends.toList(), truncated: false };
    // An empty page that goes on has looked for a second already.
    seen += Math.max(page.items.length, 1);
    query = { ...query, after: page.next };
  }
  return { evaluations: trends.toList(), truncated: true };
}
