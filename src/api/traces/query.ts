/** What lists of traces and spans ask of the store. */
import type { z } from 'zod';
import { RUNNING, type StatusName } from '../../model/native-names.js';
import type { SpanQuery, TraceQuery } from '../../store/telemetry/telemetry.js';
import { readFilters, readListQuery } from '../filters.js';
import type { WrittenId } from '../ids.js';
import { COUNTING } from '../paging.js';
import {
  type countSpansQuery,
  type countTracesQuery,
  KINDS,
  type listSpansQuery,
  type listTracesQuery,
} from './schema.js';

const MAX_DURATION_NANO = 2 ** 63;

function durationNano(ms: number): bigint {
  const nanos = Math.round(ms * 1e6);
  return nanos >= MAX_DURATION_NANO ? 2n ** 63n - 1n : BigInt(nanos);
}

type TraceFilters = z.infer<typeof countTracesQuery>;

function traceFilters(query: TraceFilters) {
  const { name, status, min_duration_ms: minDurationMs, prompt_name: promptName, version_tag: versionTag } = query;
  return {
    ...(name !== undefined && { name }),
    ...(status !== undefined && { status }),
    ...(minDurationMs !== undefined && { minDurationNano: durationNano(minDurationMs) }),
    ...(promptName !== undefined && { promptName }),
    ...(versionTag !== undefined && { versionTag }),
  };
}

export function readTraceQuery(workspace: string, query: z.infer<typeof listTracesQuery>): TraceQuery {
  return { ...readListQuery('trace', workspace, query), ...traceFilters(query) };
}

export function readTraceCount(workspace: string, query: TraceFilters): TraceQuery {
  return { ...readFilters(workspace, query), ...COUNTING, ...traceFilters(query) };
}

type SpanFilters = z.infer<typeof countSpansQuery>;

const STATUS_CODES: Readonly<Record<StatusName, number>> = { unset: 0, ok: 1, error: 2, running: 0 };

function spanFilters({ name, kind, status }: SpanFilters) {
  return {
    ...(name !== undefined && { name }),
    ...(kind !== undefined && { kind: KINDS.indexOf(kind) }),
    ...(status !== undefined && { statusCode: STATUS_CODES[status] }),
  };
}

/** OTLP has no status of its own for spans that run. */
function attributesOf({ status }: SpanFilters, attributes: SpanQuery['attributes'] = []) {
  const all = status === 'running' ? [...attributes, { key: RUNNING, value: 'true' }] : attributes;
  return all.length > 0 ? { attributes: all } : {};
}

export function readSpanQuery(workspace: string, { id }: WrittenId, query: z.infer<typeof listSpansQuery>): SpanQuery {
  const list = readListQuery('span', workspace, query);
  return { ...list, traceId: id, ...spanFilters(query), ...attributesOf(query, list.attributes) };
}

export function readSpanCount(workspace: string, { id }: WrittenId, query: SpanFilters): SpanQuery {
  const filters = readFilters(workspace, query);
  return { ...filters, ...COUNTING, traceId: id, ...spanFilters(query), ...attributesOf(query, filters.attributes) };
}
