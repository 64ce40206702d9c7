/** Generations as rows: how they are written, and read again. */
import type { Billed, Cost, Generation, GenerationKind, Usage } from '../../../model/generation.js';
import { modelOf, TOKEN_TYPES } from '../../../model/generation.js';
import type { LogRecord, Span } from '../../../model/telemetry.js';
import type { StoredGeneration } from '../generations.js';
import type { Sighting } from '../sightings.js';
import type { CopyRows } from './copy-rows.js';
import { readableText } from './json-text.js';
import { hexOf } from './native-ids.js';
import { idOfUuid } from './records.js';
import { signed, unsigned } from './time.js';

/** One row, as the sums and its trace see it. */
export interface GenerationRow {
  workspace: string;
  /** Of a span, made of its ids; of a log, a number of its own. */
  rowId: bigint;
  source: 'span' | 'log';
  /** Hex; '' where there is none. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  service: string;
  scope: string;
  receivedTimeUnixMs: number;
  /** `sessionId` and `userId` are what it said itself. */
  generation: Omit<Generation, 'searchText'>;
  /** Its own, or those of its trace. */
  session: string;
  user: string;
  counted: boolean;
}

/** A column of an index takes 2,700 bytes, and some have several texts. */
const MAX_INDEXED_CHARS = 256;
const MAX_DURATION_NANO = 2n ** 63n - 1n;
const HAS_SURROGATES = /[\ud800-\udfff]/;

/** As it stands in the tables: what is looked for has to be cut and made readable in the same way. */
export function indexedText(text: string): string {
  const readable = readableText(text.length > MAX_INDEXED_CHARS ? text.slice(0, MAX_INDEXED_CHARS) : text);
  return HAS_SURROGATES.test(readable) ? Buffer.from(readable).toString() : readable;
}

function storable(generation: Generation): GenerationRow['generation'] {
  const { searchText: _, ...rest } = generation;
  return {
    ...rest,
    startTimeUnixNano: signed(generation.startTimeUnixNano),
    durationNano: generation.durationNano > MAX_DURATION_NANO ? MAX_DURATION_NANO : generation.durationNano,
    provider: indexedText(generation.provider),
    requestModel: indexedText(generation.requestModel),
    responseModel: indexedText(generation.responseModel),
    responseId: indexedText(generation.responseId),
    promptName: indexedText(generation.promptName),
    promptVersion: indexedText(generation.promptVersion),
    sessionId: indexedText(generation.sessionId),
    userId: indexedText(generation.userId),
    environment: indexedText(generation.environment),
  };
}

/** Of a span's ids, so that log events find the row of a span that has not come yet. */
export function rowIdOf({ traceId, spanId }: { traceId: Uint8Array; spanId: Uint8Array }): bigint {
  const [trace, span] = [Buffer.from(traceId), Buffer.from(spanId)];
  return BigInt.asIntN(64, trace.readBigUInt64BE(0) ^ span.readBigUInt64BE(0));
}

export function rowOfSpan(
  workspace: string,
  span: Span,
  generation: Generation,
  receivedTimeUnixMs: number,
): GenerationRow {
  return {
    workspace,
    rowId: rowIdOf(span),
    source: 'span',
    traceId: hexOf(span.traceId),
    spanId: hexOf(span.spanId),
    parentSpanId: span.parentSpanId ? hexOf(span.parentSpanId) : '',
    name: span.name,
    service: span.resource.serviceName,
    scope: readableText(span.scope.name),
    receivedTimeUnixMs,
    generation: storable(generation),
    session: '',
    user: '',
    counted: false,
  };
}

export function rowOfLog(
  workspace: string,
  record: LogRecord,
  generation: Generation,
  receivedTimeUnixMs: number,
  rowId: bigint,
): GenerationRow {
  return {
    workspace,
    rowId,
    source: 'log',
    traceId: record.traceId ? hexOf(record.traceId) : '',
    spanId: record.spanId ? hexOf(record.spanId) : '',
    parentSpanId: '',
    name: '',
    service: record.resource.serviceName,
    scope: readableText(record.scope.name),
    receivedTimeUnixMs,
    generation: storable(generation),
    session: '',
    user: '',
    counted: false,
  };
}

export function sightingOf(row: GenerationRow): Sighting {
  const { usage, responseId, startTimeUnixNano, durationNano } = row.generation;
  const { spanId, parentSpanId, scope } = row;
  const model = modelOf(row.generation);
  return { model, responseId, usage, startTimeUnixNano, durationNano, spanId, parentSpanId, scope };
}

const TOKEN_COLUMNS = {
  input: 'input_tokens',
  output: 'output_tokens',
  cacheRead: 'cache_read_tokens',
  cacheWrite: 'cache_write_tokens',
  reasoning: 'reasoning_tokens',
  inputAudio: 'input_audio_tokens',
  outputAudio: 'output_audio_tokens',
} as const;

const TEXTS = {
  operation: 'operation',
  provider: 'provider',
  requestModel: 'request_model',
  responseModel: 'response_model',
  responseId: 'response_id',
  serviceTier: 'service_tier',
  promptName: 'prompt_name',
  promptVersion: 'prompt_version',
  promptHash: 'prompt_hash',
  environment: 'environment',
  release: 'release',
  agentName: 'agent_name',
  workflowName: 'workflow_name',
  toolName: 'tool_name',
  toolCallId: 'tool_call_id',
} as const;
const TEXT_FIELDS = Object.keys(TEXTS) as (keyof typeof TEXTS)[];

const COLUMN_LIST = [
  'start_time_unix_nano',
  'row_id',
  'duration_nano',
  'received_time_unix_ms',
  'price_id',
  ...TOKEN_TYPES.map((type) => TOKEN_COLUMNS[type]),
  'time_to_first_token_nano',
  'trace_id',
  'from_log',
  'counted',
  'countable',
  'is_error',
  'streaming',
  'span_id',
  'parent_span_id',
  'picodollars',
  'reported_picodollars',
  'workspace',
  'kind',
  'name',
  'service',
  'scope',
  ...TEXT_FIELDS.map((field) => TEXTS[field]),
  'session_id',
  'user_id',
  'own_session_id',
  'own_user_id',
  'finish_reasons',
  'tags',
  'mapping_warnings',
  'billed',
  'run_id',
];

export const GENERATION_COLUMNS = COLUMN_LIST.join(', ');

function optional<Value>(rows: CopyRows, value: Value | undefined, write: (value: Value) => void): void {
  if (value === undefined) rows.null();
  else write(value);
}

function optionalText(rows: CopyRows, value: string): void {
  if (value === '') rows.null();
  else rows.text(value);
}

function optionalId(rows: CopyRows, hex: string): void {
  if (hex === '') rows.null();
  else rows.bytes(Buffer.from(hex, 'hex'));
}

function optionalList(rows: CopyRows, values: readonly string[]): void {
  if (values.length === 0) rows.null();
  else rows.textArray(values);
}

export function writeGeneration(rows: CopyRows, row: GenerationRow, priceId: bigint | undefined): void {
  const { generation } = row;
  rows.row(COLUMN_LIST.length);
  rows.bigint(generation.startTimeUnixNano);
  rows.bigint(row.rowId);
  rows.bigint(generation.durationNano);
  rows.safeInteger(row.receivedTimeUnixMs);
  optional(rows, priceId, (id) => rows.bigint(id));
  for (const type of TOKEN_TYPES) optional(rows, generation.usage[type], (tokens) => rows.safeInteger(tokens));
  optional(rows, generation.timeToFirstTokenNano, (time) => rows.bigint(time));
  optionalId(rows, row.traceId);
  rows.boolean(row.source === 'log');
  rows.boolean(row.counted);
  rows.boolean(generation.countable);
  rows.boolean(generation.isError);
  optional(rows, generation.streaming, (streaming) => rows.boolean(streaming));
  optionalId(rows, row.spanId);
  optionalId(rows, row.parentSpanId);
  optional(rows, generation.cost?.picodollars, (cost) => rows.numeric(cost));
  optional(rows, generation.reportedCost, (cost) => rows.numeric(cost));
  rows.utf8(row.workspace);
  writeTexts(rows, row);
}

function writeTexts(rows: CopyRows, { generation, ...row }: GenerationRow): void {
  rows.utf8(generation.kind);
  rows.text(row.name);
  rows.text(row.service);
  rows.text(row.scope);
  for (const field of TEXT_FIELDS) optionalText(rows, generation[field]);
  optionalText(rows, row.session);
  optionalText(rows, row.user);
  optionalText(rows, generation.sessionId);
  optionalText(rows, generation.userId);
  optionalList(rows, generation.finishReasons);
  optionalList(rows, generation.tags);
  optionalList(rows, generation.mappingWarnings);
  optional(rows, generation.billed, (billed) => rows.utf8(JSON.stringify(billed)));
  optionalId(rows, generation.runId);
}

/** As rollups.ts says it: a call whose tokens cost something, nobody knows what. */
export const IS_UNPRICED = `countable and picodollars is null and greatest(${Object.values(TOKEN_COLUMNS).join(', ')}) > 0`;

/** With the price beside it. */
export const SELECTED = `item.*, price.key as price_key, price.source as price_source, price.version as price_version,
  price.provider as price_provider, price.model as price_model, price.service_tier as price_tier,
  price.rates::text as price_rates, price.exact as price_exact`;
export const WITH_PRICE =
  'left join generation_prices price on price.workspace = item.workspace and price.id = item.price_id';

/** int8 as bigint or as text, as the connection has it. */
type Int8 = bigint | string;
type TokenColumn = (typeof TOKEN_COLUMNS)[keyof typeof TOKEN_COLUMNS];
type TextColumn = (typeof TEXTS)[keyof typeof TEXTS];

export type SelectedRow = { [column in TokenColumn]: Int8 | null } & { [column in TextColumn]: string | null } & {
  start_time_unix_nano: Int8;
  row_id: Int8;
  duration_nano: Int8;
  received_time_unix_ms: Int8;
  time_to_first_token_nano: Int8 | null;
  trace_id: string | null;
  from_log: boolean;
  counted: boolean;
  countable: boolean;
  is_error: boolean;
  streaming: boolean | null;
  span_id: Buffer | null;
  parent_span_id: Buffer | null;
  picodollars: string | null;
  reported_picodollars: string | null;
  workspace: string;
  kind: GenerationKind;
  name: string;
  service: string;
  scope: string;
  session_id: string | null;
  user_id: string | null;
  own_session_id: string | null;
  own_user_id: string | null;
  finish_reasons: string[] | null;
  tags: string[] | null;
  mapping_warnings: string[] | null;
  billed: string | null;
  run_id: string | null;
  price_key: string | null;
  price_source: Cost['price']['source'];
  price_version: string;
  price_provider: string;
  price_model: string;
  price_tier: string;
  price_rates: string;
  price_exact: string | null;
};

function bigintOf(value: Int8 | null): bigint | undefined {
  return value === null ? undefined : BigInt(value);
}

function costOf(row: SelectedRow): Cost | undefined {
  if (row.picodollars === null || row.price_key === null) return undefined;
  const exact = row.price_exact === null ? undefined : (JSON.parse(row.price_exact) as { rates: string });
  const price = {
    key: row.price_key,
    source: row.price_source,
    version: row.price_version,
    provider: row.price_provider,
    model: row.price_model,
    serviceTier: row.price_tier,
    rates: JSON.parse(exact?.rates ?? row.price_rates) as Cost['price']['rates'],
  };
  return { picodollars: BigInt(row.picodollars), price };
}

function usageOf(row: SelectedRow): Usage {
  const usage: Usage = {};
  for (const type of TOKEN_TYPES) {
    const tokens = row[TOKEN_COLUMNS[type]];
    if (tokens !== null) usage[type] = Number(tokens);
  }
  return usage;
}

function textsOf(row: SelectedRow): Record<keyof typeof TEXTS, string> {
  const texts = TEXT_FIELDS.map((field) => [field, row[TEXTS[field]] ?? '']);
  return Object.fromEntries(texts) as Record<keyof typeof TEXTS, string>;
}

function generationOf(row: SelectedRow): GenerationRow['generation'] {
  return {
    ...textsOf(row),
    kind: row.kind,
    runId: row.run_id?.replaceAll('-', '') ?? '',
    usage: usageOf(row),
    billed: row.billed === null ? undefined : (JSON.parse(row.billed) as Billed),
    countable: row.countable,
    reportedCost: row.reported_picodollars === null ? undefined : BigInt(row.reported_picodollars),
    cost: costOf(row),
    finishReasons: row.finish_reasons ?? [],
    timeToFirstTokenNano: bigintOf(row.time_to_first_token_nano),
    streaming: row.streaming ?? undefined,
    sessionId: row.own_session_id ?? '',
    userId: row.own_user_id ?? '',
    tags: row.tags ?? [],
    isError: row.is_error,
    startTimeUnixNano: BigInt(row.start_time_unix_nano),
    durationNano: BigInt(row.duration_nano),
    mappingWarnings: row.mapping_warnings ?? [],
  };
}

export function rowOf(row: SelectedRow): GenerationRow {
  return {
    workspace: row.workspace,
    rowId: BigInt(row.row_id),
    source: row.from_log ? 'log' : 'span',
    traceId: row.trace_id?.replaceAll('-', '') ?? '',
    spanId: row.span_id ? hexOf(row.span_id) : '',
    parentSpanId: row.parent_span_id ? hexOf(row.parent_span_id) : '',
    name: row.name,
    service: row.service,
    scope: row.scope,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
    generation: generationOf(row),
    session: row.session_id ?? '',
    user: row.user_id ?? '',
    counted: row.counted,
  };
}

export function storedGenerationOf(row: SelectedRow): StoredGeneration {
  const generation = generationOf(row);
  return {
    ...generation,
    startTimeUnixNano: unsigned(generation.startTimeUnixNano),
    sessionId: row.session_id ?? '',
    userId: row.user_id ?? '',
    source: row.from_log ? 'log' : 'span',
    traceId: row.trace_id === null ? undefined : new Uint8Array(idOfUuid(row.trace_id)),
    spanId: row.span_id ? new Uint8Array(row.span_id) : undefined,
    name: row.name,
    service: row.service,
    counted: row.counted,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}
