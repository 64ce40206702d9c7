/**
 * What tells from one batch of a trace that the trace can't match. A trace may fulfil a filter by any of its batches: the
 * one it is judged by, another of the same block, or one elsewhere, which is looked at only when the trace was not refused.
 */
import type { TraceQuery } from '../telemetry.js';
import { attributeConditions, type Conditions } from './conditions.js';

const OTHERS_IN_BLOCK = `trace_batches o INDEXED BY trace_batches_by_trace
  WHERE o.trace_id = t.trace_id AND o.workspace_id = t.workspace_id AND o.id <> t.id`;

/** What a block knows: see `BlockReader.isNative`, and whether any block has newer versions of spans. */
export interface BlockKind {
  isNative: boolean;
  revised: boolean;
}

/** Conditions on row `t` of trace_batches, cheap ones first. */
export function batchConditions(query: TraceQuery, kind: BlockKind): Conditions {
  const { sql, parameters } = signs(query, kind);
  const byAny = sql.map((sign) => {
    const inOthers = `(EXISTS (SELECT 1 FROM ${OTHERS_IN_BLOCK} AND ${sign('o')}) OR elsewhere(t.trace_id))`;
    return `(${sign('t')} OR CASE WHEN may_be_shared(t.trace_id) THEN ${inOthers} ELSE 0 END)`;
  });
  return { sql: [...(query.status === 'ok' ? [withoutError(kind)] : []), ...byAny], parameters };
}

/** One failed batch is enough to refuse, unless a newer version of its span has not failed. */
function withoutError({ isNative, revised }: BlockKind): string {
  if (!revised) return 't.error_count = 0';
  const inBlock = isNative ? `OR EXISTS (SELECT 1 FROM ${OTHERS_IN_BLOCK} AND o.revision > 0)` : '';
  return `(t.error_count = 0 ${inBlock} OR elsewhere(t.trace_id))`;
}

type Sign = (batch: 't' | 'o') => string;

/** For each filter what at least one batch of every trace that it accepts shows. */
function signs(query: TraceQuery, { isNative }: BlockKind) {
  const { name, status, service, minDurationNano, attributes, promptName, versionTag } = query;
  const sql: Sign[] = [];
  const parameters: Conditions['parameters'] = {};
  if (status === 'error') sql.push((batch) => `${batch}.error_count > 0`);
  if (minDurationNano !== undefined) {
    sql.push((batch) => `${batch}.end_time_unix_nano - t.start_time_unix_nano >= @minDuration`);
    parameters.minDuration = minDurationNano;
  }
  if (name !== undefined) {
    sql.push((batch) => `${batch}.root_name = @name`);
    parameters.name = name;
  }
  if (service !== undefined) {
    sql.push((batch) => `instr(${batch}.services, @service)`);
    parameters.service = JSON.stringify(service);
  }
  const declared = (column: string, value: string | undefined) => {
    if (value === undefined) return;
    sql.push((batch) => (isNative ? declaredAs(batch, column) : '0'));
    parameters[column] = value;
  };
  declared('prompt_name', promptName);
  declared('version_tag', versionTag);
  if (attributes?.length) {
    const ofSpan = attributeConditions(attributes);
    sql.push((batch) => spanExists(batch, ofSpan.sql));
    Object.assign(parameters, ofSpan.parameters);
  }
  return { sql, parameters };
}

function declaredAs(batch: string, column: string): string {
  const record = `SELECT 1 FROM trace_records r WHERE r.id = ${batch}.first_span AND r.${column} = @${column}`;
  return `CASE WHEN ${batch}.span_count = 0 THEN EXISTS (${record}) ELSE 0 END`;
}

function spanExists(batch: string, conditions: readonly string[]): string {
  const ofBatch = `x.id >= ${batch}.first_span AND x.id < ${batch}.first_span + ${batch}.span_count`;
  return `EXISTS (SELECT 1 FROM spans x WHERE ${[ofBatch, ...conditions].join(' AND ')})`;
}
