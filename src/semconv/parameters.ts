/** The parameters of a request by their conventional names, and the tools that were offered. */
import { unflattened } from './flattened.js';
import { isObject, type JsonObject, objectOf, parseContainer, untagged } from './json.js';
import type { Room } from './room.js';

const MAX_PARAMETERS = 100;
const MAX_TOOLS = 1_000;

/** Attributes whose name goes on with the parameter's. */
const PREFIXES = ['gen_ai.request.', 'ai.settings.', 'gen_ai.openai.request.', 'openai.request.'];
/** What an application told the Vercel AI SDK 7 of itself. */
const CONTEXT = 'ai.settings.context.';
/** Attributes that hold all of them. */
const OBJECTS = ['llm.invocation_parameters', 'langfuse.observation.model.parameters', 'model_request_parameters'];
/** OpenLLMetry's single ones. */
const SINGLE = new Map([
  ['llm.top_k', 'top_k'],
  ['llm.frequency_penalty', 'frequency_penalty'],
  ['llm.presence_penalty', 'presence_penalty'],
  ['llm.chat.stop_sequences', 'stop_sequences'],
  ['llm.temperature', 'temperature'],
  ['llm.top_p', 'top_p'],
]);
/** What is no parameter, or stands elsewhere. */
const NONE = new Set(['model', 'messages', 'input', 'prompt', 'tools', 'system', 'contents', '__proto__']);
const CONVENTIONAL = new Map([
  ['maxTokens', 'max_tokens'],
  ['maxOutputTokens', 'max_tokens'],
  ['max_completion_tokens', 'max_tokens'],
  ['max_output_tokens', 'max_tokens'],
  ['topP', 'top_p'],
  ['topK', 'top_k'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
  ['stopSequences', 'stop_sequences'],
  ['stop', 'stop_sequences'],
  ['maxRetries', 'max_retries'],
  ['n', 'choice.count'],
]);

/** `room` hears of what is left out. */
export function parametersOf(attributes: JsonObject, room: Room): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  const set = (name: string, value: unknown) => setParameter(parameters, name, value, room);
  for (const name in attributes) {
    const prefix = PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix && !name.startsWith(CONTEXT)) set(name.slice(prefix.length), attributes[name]);
    else if (SINGLE.has(name)) set(SINGLE.get(name)!, attributes[name]);
  }
  for (const name of OBJECTS) {
    for (const [key, value] of Object.entries(objectOf(attributes[name]) ?? {})) set(key, value);
  }
  return parameters;
}

function setParameter(parameters: Record<string, unknown>, told: string, value: unknown, room: Room): void {
  const name = CONVENTIONAL.get(told) ?? told;
  if (NONE.has(name) || Object.hasOwn(parameters, name) || value === null) return;
  if (Object.keys(parameters).length < MAX_PARAMETERS) parameters[name] = untagged(value);
  else room.truncated = true;
}

/** Attributes that hold a list of them; the elements may be JSON texts. */
const LISTS = ['gen_ai.tool.definitions', 'ai.prompt.tools', 'mlflow.chat.tools', 'gen_ai.request.tools'];
const FLAT = ['llm.tools.', 'llm.request.functions.'];
const REQUESTS = [
  'llm.invocation_parameters',
  'request_data',
  'langfuse.observation.input',
  'gcp.vertex.agent.llm_request',
];

export function toolsOf(attributes: JsonObject, room: Room): unknown[] {
  const found = firstTools(attributes, room).map(toolOf);
  room.truncated ||= found.length > MAX_TOOLS;
  return found.slice(0, MAX_TOOLS);
}

function firstTools(attributes: JsonObject, room: Room): unknown[] {
  const onCut = () => {
    room.truncated = true;
  };
  for (const name of LISTS) {
    const list = listOf(attributes[name]);
    if (list.length > 0) return list;
  }
  for (const prefix of FLAT) {
    const list = unflattened(attributes, prefix, onCut);
    if (list.length > 0) return list;
  }
  return REQUESTS.map((name) => requestTools(objectOf(attributes[name]))).find((list) => list.length > 0) ?? [];
}

/** Google's SDK groups them, in the `config` of a request. */
function requestTools(request: JsonObject | undefined): unknown[] {
  const { config } = request ?? {};
  const tools = listOf(request?.tools ?? (isObject(config) ? config.tools : undefined));
  return tools.flatMap((tool) => (isObject(tool) ? (tool.function_declarations ?? tool) : tool));
}

function listOf(value: unknown): unknown[] {
  const list = typeof value === 'string' ? parseContainer(value) : value;
  return Array.isArray(list) ? list : [];
}

/** OpenInference: `{tool: {json_schema: "…"}}`. */
function toolOf(value: unknown): unknown {
  if (typeof value === 'string') return parseContainer(value) ?? value;
  const inner = isObject(value) && isObject(value.tool) ? value.tool : value;
  if (!isObject(inner)) return inner;
  const schema = inner.json_schema ?? inner.parameters;
  const parsed = typeof schema === 'string' ? parseContainer(schema) : undefined;
  if (parsed === undefined) return inner;
  return inner.json_schema === undefined ? { ...inner, parameters: parsed } : parsed;
}
