/**
 * What a span, or a native log, tells of a call to a model, a tool or an agent. Runs on every span in the store worker: what
 * has nothing to do with models is told by a look at the attributes' text.
 */
import type { Generation, GenerationKind } from '../model/generation.js';
import { LOG_EVENT } from '../model/native-names.js';
import type { LogRecord, Resource, Span } from '../model/telemetry.js';
import { type ContentText, contentText, NO_TEXT } from './content-text.js';
import type { Draft } from './draft.js';
import { eventNameOf, isContentEvent } from './event-names.js';
import { isObject, type JsonObject } from './json.js';
import { providerOf, providerOfModel, providerOfSpanName } from './provider.js';
import { resourceFacts } from './resource.js';
import { collectTexts, MAX_SEARCH_CHARS, SearchText } from './search-text.js';
import { LOGS, SPANS } from './table.js';
import { makeInclusive } from './usage.js';

/**
 * Names as they stand in the text. No vocabulary tells of a call, of a session or of a user without one of them; what the
 * tables have beside them (`metadata`, `tool.name`) is read of such spans alone.
 */
const SIGNS =
  /"(?:gen_ai\.|llm\.|ai\.|openinference\.|traceloop\.|langfuse\.|session\.id"|user\.id"|enduser\.id"|mlflow\.|gcp\.vertex\.agent|pydantic_ai\.|all_messages_events"|request_data"|lk\.|agent_trace_id"|input\.value"|embedding\.|reranker\.|retrieval\.)/;

/** Calls to a model, billed as such, whose usage is theirs; of all other kinds it is a sum over their children. */
const COUNTABLE: ReadonlySet<GenerationKind> = new Set(['llm', 'embedding', 'reranker']);

const STATUS_ERROR = 2;
/** OTLP SeverityNumber: from here on it is an error. */
const SEVERITY_ERROR = 17;

export function generationOf(span: Span): Generation | undefined {
  const hasEvents = span.events !== '[]' && span.events.includes('"name":"gen_ai.');
  if (!hasEvents && !SIGNS.test(span.attributes)) return undefined;
  const draft = SPANS.draftOf(span.attributes, span.startTimeUnixNano);
  draft.kind ??= kindOf(draft);
  if (draft.kind === undefined) return undefined;
  draft.provider = providerOfDraft(draft) || (draft.kind === 'llm' ? providerOfSpanName(span.name) : '');
  draft.isError ||= span.statusCode === STATUS_ERROR;
  draft.isAggregate ||= isAnnouncement(draft, span.scope.name) || isAroundCall(draft, span);
  draft.durationNano = lengthOf(span);
  const text = contentText(draft, hasEvents ? contentEvents(span.events) : []);
  const generation = generationOfDraft(draft, draft.kind, span.resource, text);
  if (AGENTS_ALONE.has(span.scope.name)) generation.countable = draft.kind === 'agent' && hasUsage(draft);
  return generation;
}

/** The program behind Claude's Agent SDK tells what a whole run spent, and nobody what each of its calls did. */
const AGENTS_ALONE: ReadonlySet<string> = new Set([
  'logfire.claude_agent_sdk',
  'openinference.instrumentation.claude_agent_sdk',
  '@arizeai/openinference-instrumentation-claude-agent-sdk',
]);

/** Where nobody names it. */
function kindOf(draft: Draft): GenerationKind | undefined {
  if (draft.requestModel !== undefined || draft.responseModel !== undefined || hasUsage(draft)) return 'llm';
  // Who counts tokens calls a model, however the count is written.
  if (draft.hasOddCount) return 'llm';
  if (draft.toolName !== undefined) return 'tool';
  if (draft.agentName !== undefined) return 'agent';
  // A call is asked of a model, or spends something: an operation that nobody knows, and does neither, is none.
  if (draft.provider !== undefined || draft.responseId !== undefined)
    return draft.operation === undefined ? 'llm' : 'task';
  const hasOwner = draft.sessionId !== undefined || draft.userId !== undefined;
  return hasOwner || draft.promptName !== undefined ? 'span' : undefined;
}

/** Logfire's span of a streamed call ends when the stream begins; what came of it is another span, with the usage. */
function isAnnouncement(draft: Draft, scopeName: string): boolean {
  if (!scopeName.startsWith('logfire.') || draft.isError || hasUsage(draft)) return false;
  return draft.content.outputMessages === undefined && draft.content.output === undefined;
}

/** A span that is no call itself and says nothing of what was spent, though it may name the model. */
function isAroundCall(draft: Draft, { scope, parentSpanId }: Span): boolean {
  if (hasUsage(draft)) return false;
  // Rerankers without a model sort by a formula, or ask one in a span of its own.
  if (draft.kind === 'reranker' && draft.requestModel === undefined && draft.responseModel === undefined) return true;
  // LiveKit's nodes for a model, for hearing and for speaking; its calls name an operation.
  if (scope.name === 'livekit-agents') return draft.operation === undefined;
  // Version 7 of the Vercel AI SDK names both by one operation, and where both failed the parent alone tells which is which.
  if (scope.name !== 'gen_ai' || !VERCEL_PAIRS.has(draft.operation ?? '')) return false;
  return parentSpanId === undefined || (draft.operation !== 'rerank' && !draft.isError);
}

const VERCEL_PAIRS = new Set(['embeddings', 'rerank', 'decide']);

function hasUsage({ usage }: Draft): boolean {
  return usage.input !== undefined || usage.output !== undefined;
}

/** A clock that went back measured nothing. */
function lengthOf({ startTimeUnixNano, endTimeUnixNano }: Span): bigint {
  return endTimeUnixNano > startTimeUnixNano ? endTimeUnixNano - startTimeUnixNano : 0n;
}

/** One literal: spreading objects into each other cost as much as all the rest. */
function generationOfDraft(draft: Draft, kind: GenerationKind, resource: Resource, text: ContentText): Generation {
  makeInclusive(draft);
  const facts = resourceFacts(resource);
  return {
    kind,
    operation: draft.operation ?? '',
    provider: draft.provider ?? '',
    requestModel: draft.requestModel ?? '',
    responseModel: draft.responseModel ?? '',
    responseId: draft.responseId ?? '',
    serviceTier: draft.serviceTier ?? '',
    usage: draft.usage,
    billed: draft.billed,
    countable: COUNTABLE.has(kind) && !draft.isAggregate,
    reportedCost: reportedCostOf(draft),
    cost: undefined,
    finishReasons: draft.finishReasons ?? [],
    timeToFirstTokenNano: draft.timeToFirstTokenNano,
    streaming: draft.streaming,
    promptName: draft.promptName ?? '',
    promptVersion: draft.promptVersion ?? '',
    promptHash: text.promptHash,
    runId: draft.runId ?? '',
    sessionId: draft.sessionId ?? '',
    userId: draft.userId ?? '',
    environment: draft.environment ?? facts.environment,
    release: draft.release ?? facts.release,
    tags: draft.tags ?? [],
    agentName: draft.agentName ?? (kind === 'agent' ? draft.entityName : undefined) ?? '',
    workflowName: draft.workflowName ?? (kind === 'workflow' ? draft.entityName : undefined) ?? '',
    toolName: draft.toolName ?? (kind === 'tool' ? draft.entityName : undefined) ?? '',
    toolCallId: draft.toolCallId ?? '',
    isError: draft.isError === true,
    startTimeUnixNano: draft.startTimeUnixNano,
    durationNano: draft.durationNano ?? 0n,
    searchText: text.searchText,
    mappingWarnings: draft.warnings.list,
  };
}

function providerOfDraft(draft: Draft): string {
  const told = draft.provider === undefined ? '' : providerOf(draft.provider);
  return told || providerOfModel(draft.responseModel ?? '') || providerOfModel(draft.requestModel ?? '');
}

function reportedCostOf({ reportedCost, inputCost, outputCost }: Draft): bigint | undefined {
  if (reportedCost !== undefined) return reportedCost;
  return inputCost === undefined && outputCost === undefined ? undefined : (inputCost ?? 0n) + (outputCost ?? 0n);
}

interface SpanEvent {
  name: string;
  attributes: JsonObject;
}

function contentEvents(events: string): JsonObject[] {
  const parsed = JSON.parse(events) as SpanEvent[];
  return parsed.filter(({ name }) => isContentEvent(name)).map(({ attributes }) => textsOf(attributes));
}

/** The attributes' own names say nothing of their being texts: `gen_ai.prompt`, `gen_ai.event.content`. */
function textsOf(attributes: JsonObject): JsonObject {
  const names = ['gen_ai.prompt', 'gen_ai.input.messages', 'content', 'gen_ai.event.content'];
  const found = [...names, 'gen_ai.completion', 'gen_ai.output.messages', 'message'].map((name) => attributes[name]);
  return { content: found };
}

/** Of a native log; undefined for all others. */
export function generationOfLog(record: LogRecord): Generation | undefined {
  if (record.eventName !== LOG_EVENT) return undefined;
  const draft = LOGS.draftOf(record.attributes, record.timeUnixNano);
  draft.provider = providerOfDraft(draft);
  draft.isError ??= record.severityNumber >= SEVERITY_ERROR;
  return generationOfDraft(draft, 'llm', record.resource, NO_TEXT);
}

/** The texts of an event that carries messages; undefined for all other records. */
export function searchTextOfEvent(record: LogRecord): string | undefined {
  if (!isContentEvent(eventNameOf(record))) return undefined;
  const text = new SearchText();
  text.allow(MAX_SEARCH_CHARS);
  collectTexts(JSON.parse(record.body), text);
  const attributes: unknown = JSON.parse(record.attributes);
  if (isObject(attributes)) for (const name of EVENT_CONTENT) collectTexts(attributes[name], text);
  return text.toString() || undefined;
}

const EVENT_CONTENT = ['gen_ai.system_instructions', 'gen_ai.input.messages', 'gen_ai.output.messages'].concat([
  'gen_ai.event.content',
  'gen_ai.prompt',
  'gen_ai.completion',
]);
