/** How each instrumentation tells of a call: names and shapes as recorded in test/semconv/payloads. */
import { type Attributes, type Context, SpanKind } from '@opentelemetry/api';
import type { AnyValue } from '@opentelemetry/api-logs';
import { type Application, idsOf, type Scope, type SpanIds } from './application.js';
import type { Call, Model, Turn } from './call.js';

export interface At {
  parent: Context;
  startMs: number;
}

export interface Told {
  endMs: number;
  ids: SpanIds;
}

export type Instrumentation = (app: Application, call: Call, at: At) => Told;

interface Telling {
  scope: Scope;
  name: string;
  kind?: SpanKind;
  /** Known when the call begins, and when it was answered. */
  asked: Attributes;
  answered: Attributes;
  emit?: (context: Context, endMs: number) => void;
}

function tell(app: Application, call: Call, { parent, startMs }: At, telling: Telling): Told {
  const { scope, name, kind = SpanKind.CLIENT, asked, answered, emit } = telling;
  let ids: SpanIds | undefined;
  const endMs = app.record({ scope, name, kind, attributes: asked, parent, startMs }, (context) => {
    ids = idsOf(context);
    const end = startMs + call.durationMs;
    emit?.(context, end);
    return { endMs: end, ...(call.error ? { error: call.error } : { attributes: answered }) };
  });
  return { endMs, ids: ids! };
}

type Json = { [member: string]: Json } | Json[] | string | number | boolean | null | undefined;

// ---- OpenTelemetry ----

function openaiTool({ tool }: Turn): Json {
  return (
    tool && [
      { id: tool.id, type: 'function', function: { name: tool.name, arguments: JSON.stringify(tool.arguments) } },
    ]
  );
}

function openaiBody(turn: Turn): AnyValue {
  if (turn.role === 'tool') return { id: turn.tool!.id, content: turn.text };
  return {
    ...(turn.text !== '' && { content: turn.text }),
    ...(turn.tool && { tool_calls: openaiTool(turn) as AnyValue }),
  };
}

function usageAttributes({ usage }: Call): Attributes {
  return { 'gen_ai.usage.input_tokens': usage.input, 'gen_ai.usage.output_tokens': usage.output };
}

function answerAttributes(call: Call): Attributes {
  return {
    'gen_ai.response.finish_reasons': [call.finish],
    'gen_ai.response.id': call.responseId,
    'gen_ai.response.model': call.model.responseName,
    ...usageAttributes(call),
  };
}

function requestAttributes({ model, temperature, maxTokens }: Call): Attributes {
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': model.name,
    'gen_ai.request.temperature': temperature,
    'gen_ai.request.max_tokens': maxTokens,
  };
}

const OPENAI_JS: Scope = { name: '@opentelemetry/instrumentation-openai', version: '0.21.0' };

/** `@opentelemetry/instrumentation-openai`: a log event for each message, its name in an attribute. */
export const withMessageEvents: Instrumentation = (app, call, at) => {
  const system = 'openai';
  const emit = (context: Context, endMs: number) => {
    const event = (atMs: number, name: string, body: AnyValue) =>
      app.emit(OPENAI_JS, context, atMs, { body, attributes: { 'event.name': name, 'gen_ai.system': system } });
    event(at.startMs, 'gen_ai.system.message', { content: call.system });
    for (const turn of call.turns) event(at.startMs, `gen_ai.${turn.role}.message`, openaiBody(turn));
    if (call.error) return;
    event(endMs, 'gen_ai.choice', { finish_reason: call.finish, index: 0, message: openaiBody(call.answer) });
  };
  const asked = { ...requestAttributes(call), 'gen_ai.system': system, 'server.address': 'api.openai.com' };
  return tell(app, call, at, {
    ...{ scope: OPENAI_JS, name: `chat ${call.model.name}`, emit, asked },
    answered: answerAttributes(call),
  });
};

function partsOf({ role, text, tool }: Turn): Json[] {
  if (role === 'tool') return [{ type: 'tool_call_response', id: tool!.id, response: text }];
  const said: Json[] = text === '' ? [] : [{ type: 'text', content: text }];
  return tool
    ? [...said, { type: 'tool_call', id: tool.id, name: tool.name, arguments: tool.arguments as Json }]
    : said;
}

const messageOf = (turn: Turn): Json => ({ role: turn.role, parts: partsOf(turn) });

function messagesOf(call: Call): { system: Json; input: Json; output: Json } {
  return {
    system: [{ type: 'text', content: call.system }],
    input: call.turns.map(messageOf),
    output: call.error ? [] : [{ role: 'assistant', parts: partsOf(call.answer), finish_reason: call.finish }],
  };
}

const GENAI: Scope = { name: 'opentelemetry.util.genai.handler', version: '1.0b0' };

function currentAttributes(call: Call): { asked: Attributes; answered: Attributes } {
  const { cacheRead, cacheWrite, reasoning } = call.usage;
  return {
    asked: {
      ...requestAttributes(call),
      'gen_ai.provider.name': call.model.provider,
      ...(call.firstTokenMs !== undefined && { 'gen_ai.request.stream': true }),
    },
    answered: {
      ...answerAttributes(call),
      ...(cacheRead > 0 && { 'gen_ai.usage.cache_read.input_tokens': cacheRead }),
      ...(cacheWrite > 0 && { 'gen_ai.usage.cache_creation.input_tokens': cacheWrite }),
      ...(reasoning > 0 && { 'gen_ai.usage.reasoning.output_tokens': reasoning }),
      ...(call.firstTokenMs !== undefined && { 'gen_ai.response.time_to_first_chunk': call.firstTokenMs / 1000 }),
    },
  };
}

/** The latest conventions, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY. `own`: what the application adds. */
export function withContent(own: Attributes): Instrumentation {
  return (app, call, at) => {
    const { system, input, output } = messagesOf(call);
    const { asked, answered } = currentAttributes(call);
    const messages = {
      'gen_ai.system_instructions': JSON.stringify(system),
      'gen_ai.input.messages': JSON.stringify(input),
    };
    return tell(app, call, at, {
      ...{ scope: GENAI, name: `chat ${call.model.name}`, asked: { ...asked, ...messages, ...own } },
      answered: { ...answered, 'gen_ai.output.messages': JSON.stringify(output) },
    });
  };
}

/** The latest conventions, EVENT_ONLY: one event with structured messages, which repeats the usage. */
export function withDetailsEvent(own: Attributes): Instrumentation {
  return (app, call, at) => {
    const { system, input, output } = messagesOf(call);
    const { asked, answered } = currentAttributes(call);
    const emit = (context: Context, endMs: number) =>
      app.emit(GENAI, context, endMs, {
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: {
          ...(asked as Record<string, AnyValue>),
          ...(call.error ? {} : (answered as Record<string, AnyValue>)),
          'gen_ai.system_instructions': system as AnyValue,
          'gen_ai.input.messages': input as AnyValue,
          'gen_ai.output.messages': output as AnyValue,
        },
      });
    const name = `chat ${call.model.name}`;
    return tell(app, call, at, { scope: GENAI, name, asked: { ...asked, ...own }, answered, emit });
  };
}

// ---- OpenInference ----

const OPENINFERENCE: Scope = { name: 'openinference.instrumentation.openai', version: '0.1.66' };
const OPENINFERENCE_PROVIDERS: Record<string, string> = { 'gcp.gemini': 'google', mistral_ai: 'mistralai' };

function flattened(side: 'input' | 'output', turns: readonly { role: string; text: string }[]): Attributes {
  const entries = turns.flatMap(({ role, text }, at) => {
    const message = `llm.${side}_messages.${at}.message`;
    return [
      [`${message}.role`, role],
      [`${message}.content`, text],
    ];
  });
  return Object.fromEntries(entries);
}

/** `own`: what `using_attributes` of the application puts on every span. */
export function withOpenInference(own: Attributes): Instrumentation {
  return (app, call, at) => {
    const { model, usage, system, turns, answer, temperature, maxTokens } = call;
    const provider = OPENINFERENCE_PROVIDERS[model.provider] ?? model.provider;
    const messages = [{ role: 'system', content: system }, ...turns.map(({ role, text }) => ({ role, content: text }))];
    const parameters = { model: model.name, temperature, max_tokens: maxTokens };
    return tell(app, call, at, {
      ...{ scope: OPENINFERENCE, name: 'ChatCompletion', kind: SpanKind.INTERNAL },
      asked: {
        ...own,
        'openinference.span.kind': 'LLM',
        'llm.provider': provider,
        'llm.system': provider,
        'llm.model_name': model.name,
        'llm.invocation_parameters': JSON.stringify(parameters),
        'input.value': JSON.stringify({ ...parameters, messages }),
        'input.mime_type': 'application/json',
        ...flattened('input', [{ role: 'system', text: system }, ...turns]),
      },
      answered: {
        'llm.response.model_name': model.responseName,
        ...flattened('output', [answer]),
        'llm.finish_reason': call.finish,
        'output.value': JSON.stringify({
          id: call.responseId,
          model: model.responseName,
          choices: [{ message: { content: answer.text } }],
        }),
        'output.mime_type': 'application/json',
        'llm.token_count.prompt': usage.input,
        'llm.token_count.completion': usage.output,
        'llm.token_count.total': usage.input + usage.output,
        'llm.token_count.prompt_details.cache_read': usage.cacheRead,
        'llm.token_count.completion_details.reasoning': usage.reasoning,
      },
    });
  };
}

// ---- OpenLLMetry ----

const OPENLLMETRY: Scope = { name: 'opentelemetry.instrumentation.openai.v1', version: '0.62.4' };

/** `own`: associations, workflow and managed prompt, as the Traceloop SDK puts them on every span. */
export function withOpenLlmetry(own: Attributes): Instrumentation {
  return (app, call, at) => {
    const { input, output } = messagesOf(call);
    const first: Json = { role: 'system', parts: [{ type: 'text', content: call.system }] };
    return tell(app, call, at, {
      ...{ scope: OPENLLMETRY, name: 'openai.chat' },
      asked: {
        ...own,
        ...requestAttributes(call),
        'gen_ai.provider.name': call.model.provider,
        'gen_ai.is_streaming': call.firstTokenMs !== undefined,
        'gen_ai.input.messages': JSON.stringify([first, ...(input as Json[])]),
      },
      answered: {
        ...answerAttributes(call),
        'gen_ai.usage.total_tokens': call.usage.input + call.usage.output,
        'gen_ai.usage.cache_read.input_tokens': call.usage.cacheRead,
        'gen_ai.usage.reasoning_tokens': call.usage.reasoning,
        'openai.response.service_tier': 'default',
        'gen_ai.output.messages': JSON.stringify(output),
      },
    });
  };
}

// ---- Vercel AI SDK ----

const VERCEL: Scope = { name: 'ai' };
const VERCEL_PROVIDERS: Record<string, string> = { openai: 'openai.chat', anthropic: 'anthropic.messages' };

export interface VercelFunction {
  id: string;
  metadata: Attributes;
}

export function vercelHead(operation: string, { id, metadata }: VercelFunction): Attributes {
  const told = Object.entries(metadata).map(([name, value]) => [`ai.telemetry.metadata.${name}`, value] as const);
  return {
    'operation.name': `${operation} ${id}`,
    'resource.name': id,
    'ai.operationId': operation,
    'ai.telemetry.functionId': id,
    ...Object.fromEntries(told),
  };
}

export function vercelModel({ provider, name }: Model): Attributes {
  return {
    'ai.model.provider': VERCEL_PROVIDERS[provider] ?? provider,
    'ai.model.id': name,
    'ai.settings.maxRetries': 2,
  };
}

export function vercelUsage({ input, output, cacheRead, reasoning }: Call['usage']): Attributes {
  return {
    'ai.usage.inputTokens': input,
    'ai.usage.inputTokenDetails.noCacheTokens': input - cacheRead,
    'ai.usage.inputTokenDetails.cacheReadTokens': cacheRead,
    'ai.usage.outputTokens': output,
    'ai.usage.outputTokenDetails.textTokens': output - reasoning,
    'ai.usage.outputTokenDetails.reasoningTokens': reasoning,
    'ai.usage.totalTokens': input + output,
    'ai.usage.reasoningTokens': reasoning,
    'ai.usage.cachedInputTokens': cacheRead,
  };
}

function vercelContent({ role, text, tool }: Turn): Json {
  const use = { toolCallId: tool?.id, toolName: tool?.name };
  if (role === 'tool') return [{ type: 'tool-result', ...use, output: { type: 'json', value: JSON.parse(text) } }];
  const said: Json[] = text === '' ? [] : [{ type: 'text', text }];
  return tool ? [...said, { type: 'tool-call', ...use, input: tool.arguments as Json }] : said;
}

function vercelAnswer({ answer: { text, tool } }: Call): Attributes {
  if (!tool) return { 'ai.response.text': text };
  const use = { toolCallId: tool.id, toolName: tool.name, input: JSON.stringify(tool.arguments) };
  return { 'ai.response.toolCalls': JSON.stringify([use]) };
}

/** An inner span, of `generateText` or, where the call is a stream, of `streamText`. */
export function withVercel(of: VercelFunction): Instrumentation {
  return (app, call, at) => {
    const operation = call.firstTokenMs === undefined ? 'ai.generateText.doGenerate' : 'ai.streamText.doStream';
    const messages = [
      { role: 'system', content: call.system },
      ...call.turns.map((turn) => ({ role: turn.role, content: vercelContent(turn) })),
    ];
    return tell(app, call, at, {
      ...{ scope: VERCEL, name: operation, kind: SpanKind.INTERNAL },
      asked: {
        ...vercelHead(operation, of),
        ...vercelModel(call.model),
        'ai.prompt.messages': JSON.stringify(messages),
        'gen_ai.system': VERCEL_PROVIDERS[call.model.provider] ?? call.model.provider,
        'gen_ai.request.model': call.model.name,
      },
      answered: {
        ...vercelAnswer(call),
        ...vercelUsage(call.usage),
        ...(call.firstTokenMs !== undefined && { 'ai.response.msToFirstChunk': call.firstTokenMs }),
        'ai.response.finishReason': call.answer.tool ? 'tool-calls' : 'stop',
        'ai.response.id': call.responseId,
        'ai.response.model': call.model.responseName,
        'ai.response.providerMetadata': JSON.stringify({ openai: {} }),
        ...answerAttributes(call),
      },
    });
  };
}

// ---- Langfuse ----

const LANGFUSE: Scope = { name: 'langfuse-sdk', version: '5.0.4' };

/** A generation that its application fills in by hand. `own`: trace attributes, and the prompt. */
export function withLangfuse(name: string, own: Attributes): Instrumentation {
  return (app, call, at) => {
    const { model, usage, system, turns, answer, temperature } = call;
    const messages = [{ role: 'system', content: system }, ...turns.map(({ role, text }) => ({ role, content: text }))];
    const started =
      call.firstTokenMs === undefined ? undefined : new Date(at.startMs + call.firstTokenMs).toISOString();
    return tell(app, call, at, {
      ...{ scope: LANGFUSE, name, kind: SpanKind.INTERNAL },
      asked: {
        ...own,
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': model.name,
        'langfuse.observation.model.parameters': JSON.stringify({ temperature }),
        'langfuse.observation.input': JSON.stringify(messages),
      },
      answered: {
        'langfuse.observation.output': answer.text,
        'langfuse.observation.usage_details': JSON.stringify({
          input: usage.input,
          output: usage.output,
          total: usage.input + usage.output,
        }),
        ...(started !== undefined && { 'langfuse.observation.completion_start_time': JSON.stringify(started) }),
      },
    });
  };
}
