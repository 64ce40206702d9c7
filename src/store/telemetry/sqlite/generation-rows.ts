/** Generations as rows of a block, and back. Every integer that is read is a bigint. */
import {
  type Billed,
  type Cost,
  type Generation,
  type GenerationKind,
  modelOf,
  TOKEN_TYPES,
  type Usage,
} from '../../../model/generation.js';
import type { StoredGeneration } from '../generations.js';
import { type Call, callOf } from '../rollups.js';
import { responseHash, type Sighting } from '../sightings.js';
import { signed, unsigned } from './trace-groups.js';

/** The names of `identities.type`. */
export const SESSION = 0;
export const USER = 1;

/** Bits of `generations.inherited`. */
export const INHERITED_SESSION = 1;
export const INHERITED_USER = 2;

const MAX_INTEGER = 2n ** 63n - 1n;

/** Of a column ANY: what has more than 64 bits becomes its digits. */
export function wideColumn(value: bigint): bigint | string {
  return value <= MAX_INTEGER && value >= -MAX_INTEGER ? value : value.toString();
}

/** A number would be bound as a float, which a column ANY keeps. */
export function sumColumn(sum: number | bigint): bigint | string {
  return wideColumn(typeof sum === 'bigint' ? sum : BigInt(sum));
}

export function readWide(value: bigint | string): bigint {
  return typeof value === 'string' ? BigInt(value) : value;
}

function clampedTime(duration: bigint): bigint {
  if (duration < 0n) return 0n;
  return duration < MAX_INTEGER ? duration : MAX_INTEGER;
}

const SURROGATES = /\p{Cs}/gu;

/** As SQLite gives a text back: half a surrogate pair has no place in UTF-8. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replace(SURROGATES, '\ufffd');
}

/** ES2024, which Node.js has since 20. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** What sums go by. */
const NAMES = [
  'requestModel',
  'responseModel',
  'provider',
  'promptName',
  'promptVersion',
  'environment',
  'sessionId',
  'userId',
] as const;

/** Name by name: asked by a list of names, each takes ten times as long. */
function hasWellFormedNames(generation: Generation): boolean {
  return (
    isWellFormed(generation.requestModel) &&
    isWellFormed(generation.responseModel) &&
    isWellFormed(generation.provider) &&
    isWellFormed(generation.promptName) &&
    isWellFormed(generation.promptVersion) &&
    isWellFormed(generation.environment) &&
    isWellFormed(generation.sessionId) &&
    isWellFormed(generation.userId)
  );
}

/** As it will be read: so that what it adds to sums is what is taken from them later. */
export function storable(generation: Generation): Generation {
  const durationNano = clampedTime(generation.durationNano);
  if (durationNano === generation.durationNano && hasWellFormedNames(generation)) return generation;
  const names = Object.fromEntries(NAMES.map((name) => [name, wellFormed(generation[name])]));
  return { ...generation, ...names, durationNano };
}

export const DESCRIPTION_COLUMNS = [
  'kind',
  'operation',
  'provider',
  'request_model',
  'response_model',
  'service_tier',
  'prompt_name',
  'prompt_version',
  'environment',
  'release',
  'agent_name',
  'workflow_name',
  'tool_name',
  'finish_reasons',
  'streaming',
];

export type Description = (string | number | null)[];

export function descriptionOf(generation: Generation): Description {
  const { streaming } = generation;
  return [
    generation.kind,
    generation.operation,
    generation.provider,
    generation.requestModel,
    generation.responseModel,
    generation.serviceTier,
    generation.promptName,
    generation.promptVersion,
    generation.environment,
    generation.release,
    generation.agentName,
    generation.workflowName,
    generation.toolName,
    JSON.stringify(generation.finishReasons),
    streaming === undefined ? null : Number(streaming),
  ];
}

/** Whether both have one description. */
export function areDescribedAlike(a: Generation, b: Generation): boolean {
  return (
    a.kind === b.kind &&
    a.operation === b.operation &&
    a.provider === b.provider &&
    a.requestModel === b.requestModel &&
    a.responseModel === b.responseModel &&
    a.serviceTier === b.serviceTier &&
    a.promptName === b.promptName &&
    a.promptVersion === b.promptVersion &&
    a.environment === b.environment &&
    a.release === b.release &&
    a.agentName === b.agentName &&
    a.workflowName === b.workflowName &&
    a.toolName === b.toolName &&
    a.streaming === b.streaming &&
    a.finishReasons.length === b.finishReasons.length &&
    a.finishReasons.every((reason, at) => reason === b.finishReasons[at])
  );
}

export const PRICE_COLUMNS = ['key', 'source', 'version', 'provider', 'model', 'service_tier', 'rates'];

export function priceColumns({ key, source, version, provider, model, serviceTier, rates }: Cost['price']): string[] {
  return [key, source, version, provider, model, serviceTier, JSON.stringify(rates)];
}

/** That every row has. */
const COMMON_COLUMNS = [
  'id',
  'workspace_id',
  'description_id',
  'start_time_unix_nano',
  'duration_nano',
  'countable',
  'counted',
  'is_error',
  'is_unpriced',
  'session_id',
  'user_id',
  'inherited',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'picodollars',
  'price_id',
  'response_hash',
  'response_id',
  'prompt_hash',
];

/** What most rows have no value of, with the literal of that: each value that is bound is paid for. */
const RARE_COLUMNS = {
  cache_write_tokens: 'NULL',
  reasoning_tokens: 'NULL',
  input_audio_tokens: 'NULL',
  output_audio_tokens: 'NULL',
  reported_cost: 'NULL',
  time_to_first_token_nano: 'NULL',
  tool_call_id: "''",
  tags: "'[]'",
  mapping_warnings: "'[]'",
  billed: 'NULL',
  run_id: 'NULL',
};

/** Of each row the values of `generationColumns`; `whole`: and those of `rareColumns`. */
export function insertGenerations(rows: number): { whole: string; plain: string } {
  const insert = (rare: readonly string[]) => {
    const row = `(${[...COMMON_COLUMNS.map(() => '?'), ...rare].join(', ')})`;
    return `INSERT INTO generations (${[...COMMON_COLUMNS, ...Object.keys(RARE_COLUMNS)].join(', ')})
      VALUES ${new Array<string>(rows).fill(row).join(', ')}`;
  };
  return { whole: insert(Object.keys(RARE_COLUMNS).map(() => '?')), plain: insert(Object.values(RARE_COLUMNS)) };
}

/** Whether it has no value in any rare column. */
export function isPlainGeneration(generation: Generation): boolean {
  const { usage, tags, mappingWarnings } = generation;
  return (
    usage.cacheWrite === undefined &&
    usage.reasoning === undefined &&
    usage.inputAudio === undefined &&
    usage.outputAudio === undefined &&
    generation.reportedCost === undefined &&
    generation.timeToFirstTokenNano === undefined &&
    generation.toolCallId === '' &&
    tags.length === 0 &&
    mappingWarnings.length === 0 &&
    generation.billed === undefined &&
    generation.runId === ''
  );
}

/** What is known of a row beside its generation. */
export interface RowOrigin {
  id: bigint;
  workspaceId: number;
  descriptionId: number;
  counted: boolean;
  isUnpriced: boolean;
  sessionId: number | null;
  userId: number | null;
  inherited: number;
  priceId: number | null;
}

export function generationColumns(generation: Generation, of: RowOrigin): unknown[] {
  const { usage, cost, responseId } = generation;
  return [
    of.id,
    of.workspaceId,
    of.descriptionId,
    signed(generation.startTimeUnixNano),
    generation.durationNano,
    Number(generation.countable),
    Number(of.counted),
    Number(generation.isError),
    Number(of.isUnpriced),
    of.sessionId,
    of.userId,
    of.inherited,
    usage.input ?? null,
    usage.output ?? null,
    usage.cacheRead ?? null,
    cost ? wideColumn(cost.picodollars) : null,
    of.priceId,
    responseId === '' ? null : responseHash(responseId),
    responseId,
    generation.promptHash,
  ];
}

/** They follow the others. */
export function rareColumns(generation: Generation): unknown[] {
  const { usage, reportedCost, timeToFirstTokenNano } = generation;
  return [
    usage.cacheWrite ?? null,
    usage.reasoning ?? null,
    usage.inputAudio ?? null,
    usage.outputAudio ?? null,
    reportedCost === undefined ? null : wideColumn(reportedCost),
    timeToFirstTokenNano === undefined ? null : clampedTime(timeToFirstTokenNano),
    generation.toolCallId,
    JSON.stringify(generation.tags),
    JSON.stringify(generation.mappingWarnings),
    generation.billed === undefined ? null : JSON.stringify(generation.billed),
    generation.runId || null,
  ];
}

/** Rows `x` with all that they point at; conditions on them follow. */
export function selectGenerations(rows = 'generations x'): string {
  return `SELECT x.*, d.kind, d.operation, d.provider, d.request_model, d.response_model, d.service_tier, d.prompt_name,
      d.prompt_version, d.environment, d.release, d.agent_name, d.workflow_name, d.tool_name, d.finish_reasons, d.streaming,
      p.key AS price_key, p.source AS price_source, p.version AS price_version, p.provider AS price_provider,
      p.model AS price_model, p.service_tier AS price_service_tier, p.rates, session.name AS session_name,
      user.name AS user_name, coalesce(span.trace_id, log.trace_id) AS trace_id,
      coalesce(span.span_id, log.span_id) AS span_id, span.parent_span_id, coalesce(span.name, '') AS name,
      coalesce(span.received_time_unix_ms, log.received_time_unix_ms) AS received_time_unix_ms,
      r.service_name AS service, s.name AS scope
    FROM ${rows} CROSS JOIN descriptions d ON d.id = x.description_id LEFT JOIN prices p ON p.id = x.price_id
      LEFT JOIN identities session ON session.id = x.session_id LEFT JOIN identities user ON user.id = x.user_id
      LEFT JOIN spans span ON span.id = x.id LEFT JOIN log_records log ON log.id = -x.id
      LEFT JOIN resources r ON r.id = coalesce(span.resource_id, log.resource_id)
      LEFT JOIN scopes s ON s.id = coalesce(span.scope_id, log.scope_id)`;
}

/** Those of the spans of a trace that came before row @first. */
export const ROWS_OF_TRACE = `trace_batches b INDEXED BY trace_batches_by_trace
  CROSS JOIN generations x ON x.id >= b.first_span AND x.id < b.first_span + b.span_count`;
export const OF_TRACE =
  'b.trace_id = @traceId AND b.workspace_id = @workspaceId AND b.span_count > 0 AND b.first_span < @first';

export interface GenerationRow {
  id: bigint;
  workspace_id: bigint;
  start_time_unix_nano: bigint;
  duration_nano: bigint;
  countable: bigint;
  counted: bigint;
  is_error: bigint;
  session_id: bigint | null;
  user_id: bigint | null;
  inherited: bigint;
  input_tokens: bigint | null;
  output_tokens: bigint | null;
  cache_read_tokens: bigint | null;
  cache_write_tokens: bigint | null;
  reasoning_tokens: bigint | null;
  input_audio_tokens: bigint | null;
  output_audio_tokens: bigint | null;
  picodollars: bigint | string | null;
  reported_cost: bigint | string | null;
  time_to_first_token_nano: bigint | null;
  response_id: string;
  prompt_hash: string;
  tool_call_id: string;
  tags: string;
  mapping_warnings: string;
  /** Not in blocks of older versions. */
  billed?: string | null;
  run_id?: string | null;
  kind: GenerationKind;
  operation: string;
  provider: string;
  request_model: string;
  response_model: string;
  service_tier: string;
  prompt_name: string;
  prompt_version: string;
  environment: string;
  release: string;
  agent_name: string;
  workflow_name: string;
  tool_name: string;
  finish_reasons: string;
  streaming: bigint | null;
  price_key: string | null;
  price_source: string;
  price_version: string;
  price_provider: string;
  price_model: string;
  price_service_tier: string;
  rates: string;
  session_name: string | null;
  user_name: string | null;
  trace_id: Buffer | null;
  span_id: Buffer | null;
  parent_span_id: Buffer | null;
  name: string;
  received_time_unix_ms: bigint;
  service: string;
  scope: string;
}

type TokenColumns = Pick<
  GenerationRow,
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_read_tokens'
  | 'cache_write_tokens'
  | 'reasoning_tokens'
  | 'input_audio_tokens'
  | 'output_audio_tokens'
>;

function usageOf(row: TokenColumns): Usage {
  const counts = [
    row.input_tokens,
    row.output_tokens,
    row.cache_read_tokens,
    row.cache_write_tokens,
    row.reasoning_tokens,
    row.input_audio_tokens,
    row.output_audio_tokens,
  ];
  const usage: Usage = {};
  for (const [at, type] of TOKEN_TYPES.entries()) {
    const count = counts[at];
    if (count !== null && count !== undefined) usage[type] = Number(count);
  }
  return usage;
}

function costOf(row: GenerationRow): Cost | undefined {
  if (row.picodollars === null || row.price_key === null) return undefined;
  return {
    picodollars: readWide(row.picodollars),
    price: {
      key: row.price_key,
      source: row.price_source as Cost['price']['source'],
      version: row.price_version,
      provider: row.price_provider,
      model: row.price_model,
      serviceTier: row.price_service_tier,
      rates: JSON.parse(row.rates) as Cost['price']['rates'],
    },
  };
}

export function toStoredGeneration(row: GenerationRow): StoredGeneration {
  return {
    source: row.id < 0n ? 'log' : 'span',
    kind: row.kind,
    operation: row.operation,
    provider: row.provider,
    requestModel: row.request_model,
    responseModel: row.response_model,
    responseId: row.response_id,
    serviceTier: row.service_tier,
    usage: usageOf(row),
    billed: row.billed ? (JSON.parse(row.billed) as Billed) : undefined,
    countable: row.countable === 1n,
    reportedCost: row.reported_cost === null ? undefined : readWide(row.reported_cost),
    cost: costOf(row),
    finishReasons: JSON.parse(row.finish_reasons) as string[],
    timeToFirstTokenNano: row.time_to_first_token_nano ?? undefined,
    streaming: row.streaming === null ? undefined : row.streaming === 1n,
    promptName: row.prompt_name,
    promptVersion: row.prompt_version,
    promptHash: row.prompt_hash,
    runId: row.run_id ?? '',
    sessionId: row.session_name ?? '',
    userId: row.user_name ?? '',
    environment: row.environment,
    release: row.release,
    tags: JSON.parse(row.tags) as string[],
    agentName: row.agent_name,
    workflowName: row.workflow_name,
    toolName: row.tool_name,
    toolCallId: row.tool_call_id,
    isError: row.is_error === 1n,
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    durationNano: row.duration_nano,
    mappingWarnings: JSON.parse(row.mapping_warnings) as string[],
    traceId: row.trace_id ? new Uint8Array(row.trace_id) : undefined,
    spanId: row.span_id ? new Uint8Array(row.span_id) : undefined,
    name: row.name,
    service: row.service,
    counted: row.counted === 1n,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}

/** What a row stands for in sums, sessions and users. */
export interface Share {
  /** undefined of a log that names no trace. */
  traceId: Uint8Array | undefined;
  /** As a block keeps it. */
  startTime: bigint;
  /** undefined when it isn't counted. */
  call: Call | undefined;
  sessionId: number | null;
  userId: number | null;
}

export function toShare(row: GenerationRow): Share {
  const stored = toStoredGeneration(row);
  const of = { session: stored.sessionId, user: stored.userId };
  return {
    traceId: stored.traceId,
    startTime: row.start_time_unix_nano,
    call: stored.counted ? callOf(`${row.workspace_id}`, stored, of) : undefined,
    sessionId: row.session_id === null ? null : Number(row.session_id),
    userId: row.user_id === null ? null : Number(row.user_id),
  };
}

function hex(id: Uint8Array | null | undefined): string {
  return id ? Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex') : '';
}

/** Of what has come, or of a row. */
export function sightingOf(
  generation: Omit<Generation, 'searchText'>,
  of: { spanId: Uint8Array | null | undefined; parentSpanId: Uint8Array | null | undefined; scope: string },
): Sighting {
  const { responseId, usage, startTimeUnixNano, durationNano } = generation;
  return {
    model: modelOf(generation),
    responseId,
    usage,
    startTimeUnixNano,
    durationNano,
    spanId: hex(of.spanId),
    parentSpanId: hex(of.parentSpanId),
    scope: of.scope,
  };
}

/** Counted calls of the spans of a trace that came before row @first; conditions on them follow. */
export const SIGHTINGS_OF_TRACE = `SELECT coalesce(nullif(d.response_model, ''), d.request_model) AS model,
    x.response_id, x.start_time_unix_nano, x.duration_nano, x.input_tokens, x.output_tokens, x.cache_read_tokens,
    x.cache_write_tokens, x.reasoning_tokens, x.input_audio_tokens, x.output_audio_tokens, span.span_id,
    span.parent_span_id, s.name AS scope
  FROM ${ROWS_OF_TRACE} CROSS JOIN descriptions d ON d.id = x.description_id CROSS JOIN spans span ON span.id = x.id
    CROSS JOIN scopes s ON s.id = span.scope_id
  WHERE ${OF_TRACE} AND x.counted = 1`;

export type SightingRow = TokenColumns &
  Pick<
    GenerationRow,
    'response_id' | 'start_time_unix_nano' | 'duration_nano' | 'span_id' | 'parent_span_id' | 'scope'
  > & { model: string };

export function storedSighting(row: SightingRow): Sighting {
  return {
    model: row.model,
    responseId: row.response_id,
    usage: usageOf(row),
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    durationNano: row.duration_nano,
    spanId: hex(row.span_id),
    parentSpanId: hex(row.parent_span_id),
    scope: row.scope,
  };
}
