/**
 * What tells from one batch of a trace that the trace can't match. A trace may fulfil a filter by any of its batches: the
 * one it is judged by, another of the same block, or one elsewhere, which is looked at only when the trace was not refused.
 */
import type { TraceQuery } from '../telemetry.js';
import { attributeConditions, type Conditions } from './conditions.js';

const OTHERS_IN_BLOCK = `trace_batches o INDEXED BY trace_batches_by_trace
  WHERE o.trace_id = t.trace_id AND o.workspace_id = t.workspace_id AND o.id <> t.id`;

/** Conditions on row `t` of trace_batches, cheap ones first. */
export function batchConditions(query: TraceQuery): Conditions {
  const { sql, parameters } = signs(query);
  const byAny = sql.map((sign) => {
    const inOthers = `(EXISTS (SELECT 1 FROM ${OTHERS_IN_BLOCK} AND ${sign('o')}) OR elsewhere(t.trace_id))`;
    return `(${sign('t')} OR CASE WHEN may_be_shared(t.trace_id) THEN ${inOthers} ELSE 0 END)`;
  });
  // One failed batch is enough to refuse.
  return { sql: [...(query.status === 'ok' ? ['t.error_count = 0'] : []), ...byAny], parameters };
}

type Sign = (batch: 't' | 'o') => string;

/** For each filter what at least one batch of every trace that it accepts shows. */
function signs({ name, status, service, minDurationNano, attributes }: TraceQuery) {
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
  if (attributes?.length) {
    const ofSpan = attributeConditions(attributes);
    sql.push((batch) => spanExists(batch, ofSpan.sql));
    Object.assign(parameters, ofSpan.parameters);
  }
  return { sql, parameters };
}

function spanExists(batch: string, conditions: readonly string[]): string {
  const ofBatch = `x.id >= ${batch}.first_span AND x.id < ${batch}.first_span + ${batch}.span_count`;
  return `EXISTS (SELECT 1 FROM spans x WHERE ${[ofBatch, ...conditions].join(' AND ')})`;
}
