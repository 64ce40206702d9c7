import type { Conversation, Message, MessagePart } from '../../model/conversation.js';
import { modelOf, type Price } from '../../model/generation.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import { hexOrNull, unixMillis, unixSeconds } from '../json-text.js';
import { renderDollars, renderUsage } from '../usage-schema.js';

import { generationId } from './id.js';
import type { LinkedPrompt } from './prompt.js';

const orNull = (text: string): string | null => (text === '' ? null : text);

export function renderPrice(price: Price | undefined) {
  if (!price) return null;
  const { source, version, provider, model, serviceTier } = price;
  return { source, version, provider, model, service_tier: serviceTier };
}

function namesOf(generation: StoredGeneration) {
  return {
    operation: orNull(generation.operation),
    provider: orNull(generation.provider),
    model: orNull(modelOf(generation)),
    request_model: orNull(generation.requestModel),
    response_model: orNull(generation.responseModel),
    response_id: orNull(generation.responseId),
    service_tier: orNull(generation.serviceTier),
    prompt_name: orNull(generation.promptName),
    version_tag: orNull(generation.promptVersion),
    session_id: orNull(generation.sessionId),
    user_id: orNull(generation.userId),
    environment: orNull(generation.environment),
    release: orNull(generation.release),
    agent_name: orNull(generation.agentName),
    workflow_name: orNull(generation.workflowName),
    tool_name: orNull(generation.toolName),
    tool_call_id: orNull(generation.toolCallId),
  };
}

function timesOf({ startTimeUnixNano, durationNano, timeToFirstTokenNano }: StoredGeneration) {
  return {
    start_time: unixMillis(startTimeUnixNano),
    start_time_unix_nano: String(startTimeUnixNano),
    duration_ms: Number(durationNano) / 1e6,
    time_to_first_token_ms: timeToFirstTokenNano === undefined ? null : Number(timeToFirstTokenNano) / 1e6,
  };
}

/** The members, without the braces. */
function renderMembers(generation: StoredGeneration): string {
  const { kind, source, name, service, usage, counted, finishReasons, streaming, tags, isError } = generation;
  const members = JSON.stringify({
    id: generationId(generation),
    source,
    kind,
    name,
    service,
    ...namesOf(generation),
    usage: renderUsage(usage),
    counted,
    price: renderPrice(generation.cost?.price),
    finish_reasons: finishReasons,
    streaming: streaming ?? null,
    tags,
    status: isError ? 'error' : 'ok',
    ...timesOf(generation),
    mapping_warnings: generation.mappingWarnings,
    created_at: unixSeconds(generation.receivedTimeUnixMs),
  });
  return (
    `${members.slice(1, -1)},"trace_id":${hexOrNull(generation.traceId)},"span_id":${hexOrNull(generation.spanId)},` +
    `"cost_usd":${renderDollars(generation.cost?.picodollars)},` +
    `"reported_cost_usd":${renderDollars(generation.reportedCost)}`
  );
}

function renderPart(part: MessagePart): object {
  if (part.type !== 'blob') return part;
  const { type, modality, mimeType, content } = part;
  return { type, modality, mime_type: mimeType, content };
}

function renderMessage({ role, parts, name, finishReason }: Message) {
  return {
    role,
    parts: parts.map(renderPart),
    ...(name !== undefined && { name }),
    ...(finishReason !== undefined && { finish_reason: finishReason }),
  };
}

function renderConversation({ input, output, tools, parameters, truncated }: Conversation): string {
  const members = {
    input: input.map(renderMessage),
    output: output.map(renderMessage),
    tools,
    parameters,
    messages_truncated: truncated,
  };
  return JSON.stringify(members).slice(1, -1);
}

export function renderGeneration(generation: StoredGeneration, conversation?: Conversation): string {
  const messages = conversation ? `,${renderConversation(conversation)}` : '';
  return `{${renderMembers(generation)}${messages}}`;
}

export function renderOneGeneration(
  generation: StoredGeneration,
  { conversation, prompt }: { conversation: Conversation; prompt: LinkedPrompt | null },
): string {
  const members = `${renderMembers(generation)},"prompt":${JSON.stringify(prompt)}`;
  return `{${members},${renderConversation(conversation)}}`;
}
