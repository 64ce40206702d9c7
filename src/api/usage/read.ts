/** How a query of usage becomes one of the store: whole steps, and no more of them than anybody can look at. */
import type { z } from 'zod';
import { DIMENSIONS, GRAINS, type UsageQuery } from '../../store/telemetry/generations.js';
import { validationError } from '../validation.js';
import type { usageQuery } from './schema.js';

const MS_PER_SECOND = 1000;
const NANOS_PER_MS = 1_000_000n;
/** Of one answer: a day of minutes, or some ten years of days. */
const MAX_STEPS = 4000;
const DEFAULT_DAYS = 30;
const DAY_MS = 86_400_000;

type Query = z.infer<typeof usageQuery>;

function rangeOf({ from, to, step }: Query, nowUnixMs: number) {
  const stepMs = GRAINS[step] * MS_PER_SECOND;
  const end = to === undefined ? nowUnixMs : Number(to / NANOS_PER_MS);
  const begin = from === undefined ? end - DEFAULT_DAYS * DAY_MS : Number(from / NANOS_PER_MS);
  const fromUnixMs = Math.floor(begin / stepMs) * stepMs;
  const toUnixMs = Math.ceil(end / stepMs) * stepMs;
  return { fromUnixMs, toUnixMs, steps: (toUnixMs - fromUnixMs) / stepMs };
}

/** Throws VALIDATION_FAILED for a range that ends before it begins, or has too many steps. */
export function readUsageQuery(workspace: string, query: Query, nowUnixMs: number): UsageQuery {
  const { steps, ...range } = rangeOf(query, nowUnixMs);
  if (steps <= 0) throw validationError(['"to" must be after "from"']);
  if (query.series && steps > MAX_STEPS)
    throw validationError([`"step" of a ${query.step} makes ${steps} rows: at most ${MAX_STEPS}; take a longer step`]);
  const filters = Object.fromEntries(
    DIMENSIONS.filter((name) => query[name] !== undefined).map((name) => [name, query[name]!]),
  );
  const { step: grain, series, group_by: groupBy = [], limit } = query;
  return { workspace, ...range, grain, series, groupBy, filters, limit };
}
