/** Filters of a list as SQL. Each condition is a whole clause; parameters are named. */
import type { ListQuery, LogQuery } from '../telemetry.js';

export interface Conditions {
  sql: string[];
  parameters: Record<string, unknown>;
}

const MAX_TIME = 2n ** 63n - 1n;

interface TimeRange {
  fromUnixNano?: bigint | undefined;
  toUnixNano?: bigint | undefined;
}

/** Times past 2^63 − 1 are negative in a block and so before every lower bound. */
export function timeConditions(column: string, query: TimeRange): Conditions {
  const conditions: Conditions = { sql: [], parameters: {} };
  const { fromUnixNano, toUnixNano } = query;
  if (fromUnixNano !== undefined) {
    conditions.sql.push(`${column} >= @from`);
    conditions.parameters.from = fromUnixNano < MAX_TIME ? fromUnixNano : MAX_TIME;
  }
  if (toUnixNano !== undefined && toUnixNano <= MAX_TIME) {
    conditions.sql.push(`${column} < @to`);
    conditions.parameters.to = toUnixNano;
  }
  return conditions;
}

/** As `timeConditions`, of a time as a block has it. */
export function isWithin(time: bigint, { fromUnixNano: from, toUnixNano: to }: TimeRange): boolean {
  if (from !== undefined && time < (from < MAX_TIME ? from : MAX_TIME)) return false;
  return to === undefined || to > MAX_TIME || time < to;
}

/** On row `x` or its resource. Each block has few resources, so those that match are found once, not joined to each row. */
export function attributeConditions(attributes: ListQuery['attributes'] = []): Conditions {
  const conditions: Conditions = { sql: [], parameters: {} };
  for (const [at, { key, value }] of attributes.entries()) {
    const own = attributeEquals('x.attributes', at, value);
    const ofResource = `x.resource_id IN (SELECT id FROM resources WHERE ${attributeEquals('attributes', at, value)})`;
    conditions.sql.push(`(${own} OR ${ofResource})`);
    // Quoted: a key's dots and brackets are its own, not steps of the path.
    conditions.parameters[`path${at}`] = `$.${JSON.stringify(key)}`;
    conditions.parameters[`value${at}`] = value;
  }
  return conditions;
}

function attributeEquals(json: string, at: number, value: string): string {
  const equals = [`${json} ->> @path${at} = @value${at}`];
  if (isScalarText(value)) equals.push(`${json} -> @path${at} = @value${at}`);
  // Looking for the bare text first spares parsing most rows: it is written as it is in every way to write JSON.
  const guard = /^[\w .:@-]+$/.test(value) ? `instr(${json}, @value${at}) AND ` : '';
  return `(${guard}(${equals.join(' OR ')}))`;
}

/** The JSON text of a number, true, false or null; a string's own text is compared without its quotes. */
function isScalarText(value: string): boolean {
  return !/^["[{]/.test(value);
}

export function serviceCondition(service: string | undefined): Conditions {
  return service === undefined
    ? { sql: [], parameters: {} }
    : { sql: ['x.resource_id IN (SELECT id FROM resources WHERE service_name = @service)'], parameters: { service } };
}

/** The trace is no filter: its records are a run of an index. */
export function logConditions(query: LogQuery): Conditions {
  const conditions: Conditions = { sql: [], parameters: {} };
  const add = (sql: string, name: string, value: unknown) => {
    conditions.sql.push(sql);
    conditions.parameters[name] = value;
  };
  if (query.spanId) add('x.span_id = @spanId', 'spanId', query.spanId);
  if (query.minSeverityNumber !== undefined) add('x.severity_number >= @severity', 'severity', query.minSeverityNumber);
  if (query.eventName !== undefined) add('x.event_name = @eventName', 'eventName', query.eventName);
  if (query.bodyContains !== undefined) {
    add('body_contains(x.body, @needle)', 'needle', query.bodyContains.toLowerCase());
  }
  return conditions;
}

export function allOf(...parts: Conditions[]): Conditions {
  return {
    sql: parts.flatMap(({ sql }) => sql),
    parameters: Object.assign({}, ...parts.map(({ parameters }) => parameters)),
  };
}

/** A body is JSON: of a string its text counts, not its quotes and escapes. */
export function bodyContains(body: string, lowerCaseNeedle: string): number {
  const text = body.startsWith('"') ? (JSON.parse(body) as string) : body;
  return text.toLowerCase().includes(lowerCaseNeedle) ? 1 : 0;
}
