/** Messages in one form, from whatever a span carries: a request, an answer, a list of messages, one message, a text. */
import type { Message, MessagePart } from '../model/conversation.js';
import { closedJson } from './cut-json.js';
import { isObject, type JsonObject, parseContainer, untagged } from './json.js';
import { answered, isBlock, partsOf, stringOf, toolCall } from './parts.js';
import type { Room } from './room.js';
import { scalarTextOf } from './value.js';

const MAX_DEPTH = 8;
/** Nobody else waits while a conversation is read. */
const MAX_JSON_CHARS = 8 * 1024 * 1024;

/** `role`: of what names none. */
export function messagesOf(value: unknown, role: string, room: Room, depth = 0): Message[] {
  if (typeof value === 'string') return textMessages(value, role, room, depth);
  const content = untagged(value);
  if (content === undefined || content === null) return [];
  if (depth > MAX_DEPTH) return messageOf(role, partsOf(JSON.stringify(content), room));
  if (Array.isArray(content)) return listMessages(content, role, room, depth);
  if (isObject(content)) return objectMessages(content, role, room, depth);
  return messageOf(role, partsOf(String(content), room));
}

/** JSON that is no messages is a text that happens to be JSON: an answer of structured output, say. */
function textMessages(text: string, role: string, room: Room, depth: number): Message[] {
  const said = scalarTextOf(text)!;
  const container = parseContainer(said, MAX_JSON_CHARS) ?? readCut(said, room);
  const messages = container === undefined ? [] : messagesOf(container, role, room, depth);
  const isKnown = messages.some(({ parts }) => parts.some(({ type }) => type !== 'other'));
  return isKnown ? messages : textMessage(said, role, room);
}

function readCut(text: string, room: Room): unknown {
  const closed = closedJson(text);
  if (closed === undefined) return undefined;
  room.truncated = true;
  return parseContainer(closed, MAX_JSON_CHARS);
}

function readText(text: string): unknown {
  return parseContainer(text, MAX_JSON_CHARS) ?? scalarTextOf(text);
}

function messageOf(role: string, parts: MessagePart[]): Message[] {
  return parts.length > 0 ? [{ role, parts }] : [];
}

/** Of messages, of a batch of such lists, or the blocks of one message. */
function listMessages(list: readonly unknown[], role: string, room: Room, depth: number): Message[] {
  const elements = list.map((element) =>
    typeof element === 'string' ? (parseContainer(element) ?? element) : element,
  );
  const isOfMessages = elements.some(
    (element) => Array.isArray(element) || (isObject(element) && isMessageLike(element)),
  );
  if (isOfMessages) return elements.flatMap((element) => messagesOf(element, role, room, depth + 1));
  if (elements.every((element) => typeof element === 'string'))
    return elements.flatMap((text) => textMessage(scalarTextOf(text), role, room));
  return messageOf(role, partsOf(elements, room));
}

function textMessage(text: unknown, role: string, room: Room): Message[] {
  return messageOf(role, partsOf(text, room));
}

const MESSAGE_NAMES = ['role', 'parts', 'message', 'kwargs', 'messages', 'candidates'];
/** Items of OpenAI's Responses that are a message each. */
const ITEM_TYPES = new Set(['message', 'function_call', 'function_call_output', 'reasoning']);
/** LangChain's names of roles, of which some stand as `type`. */
const ROLES = new Map([
  ['human', 'user'],
  ['ai', 'assistant'],
  ['AIMessageChunk', 'assistant'],
  ['model', 'assistant'],
  ['HumanMessage', 'user'],
  ['AIMessage', 'assistant'],
  ['SystemMessage', 'system'],
  ['ToolMessage', 'tool'],
]);

function isMessageLike(object: JsonObject): boolean {
  const type = stringOf(object.type);
  if (MESSAGE_NAMES.some((name) => object[name] !== undefined) || ITEM_TYPES.has(type)) return true;
  return isLangChain(object, type) || isCandidate(object) || isUpdate(object);
}

/** Gemini's. */
function isCandidate({ content }: JsonObject): boolean {
  return isObject(content) && Array.isArray(content.parts);
}

/** LangGraph's, of what a node changed. */
function isUpdate({ update }: JsonObject): boolean {
  return isObject(update) && Array.isArray(update.messages);
}

function isLangChain(object: JsonObject, type: string): boolean {
  const isRole = ROLES.has(type) || type === 'system' || type === 'tool';
  return isRole && (object.content !== undefined || isObject(object.data));
}

function objectMessages(object: JsonObject, role: string, room: Room, depth: number): Message[] {
  const wrapper = object.role === undefined ? WRAPPERS.find(([name]) => isPresent(object[name])) : undefined;
  if (wrapper) return wrapper[1](object, role, room, depth + 1);
  if (isMessageLike(object)) return messageOfObject(object, role, room);
  return messageOf(role, contentParts(object, room));
}

function isPresent(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}

/** Something else that says what was said, under a name of its own. */
function contentParts(object: JsonObject, room: Room): MessagePart[] {
  if (object.tool_calls !== undefined || object.toolCalls !== undefined) return messageParts(object, room);
  const text = ['content', 'text', 'input', 'output', 'combined_chunk_content', 'query', 'result'].map(
    (name) => object[name],
  );
  const only = Object.keys(object).length <= 2 ? text.find((value) => typeof value === 'string') : undefined;
  return partsOf(only ?? object, room);
}

type Unwrap = (object: JsonObject, role: string, room: Room, depth: number) => Message[];

/** By the member that tells: requests and answers of providers, and what libraries wrap messages in. */
const WRAPPERS: readonly (readonly [string, Unwrap])[] = [
  ['message', choiceMessages],
  ['messages', requestMessages],
  ['contents', requestMessages],
  // LiveKit's.
  ['items', (object, role, room, depth) => messagesOf(object.items, role, room, depth)],
  ['choices', (object, _role, room, depth) => messagesOf(object.choices, 'assistant', room, depth)],
  ['candidates', (object, _role, room, depth) => messagesOf(object.candidates, 'assistant', room, depth)],
  ['generations', (object, _role, room, depth) => messagesOf(object.generations, 'assistant', room, depth)],
  ['output', (object, _role, room, depth) => messagesOf(object.output, 'assistant', room, depth)],
  // OpenLLMetry's, of what LangChain ran.
  ['inputs', (object, role, room, depth) => messagesOf(object.inputs, role, room, depth)],
  ['outputs', (object, role, room, depth) => messagesOf(object.outputs, role, room, depth)],
  ['update', (object, role, room, depth) => messagesOf(object.update, role, room, depth)],
  ['kwargs', langChainMessages],
  ['instructions', responsesRequest],
  ['system', vercelPrompt],
  ['prompt', vercelPrompt],
  ['input', responsesRequest],
];

/** OpenAI's choice, LangChain's generation, OpenInference's message. */
function choiceMessages(object: JsonObject, role: string, room: Room, depth: number): Message[] {
  const messages = messagesOf(object.message, role, room, depth);
  const reason = object.finish_reason ?? object.finishReason;
  return typeof reason === 'string' ? messages.map((message) => ({ ...message, finishReason: reason })) : messages;
}

function requestMessages(object: JsonObject, role: string, room: Room, depth: number): Message[] {
  const { config } = object;
  const system = instructionsIn(object) ?? (isObject(config) ? instructionsIn(config) : undefined);
  const messages = messagesOf(object.messages ?? object.contents, role, room, depth);
  return [...systemMessages(system, room), ...messages];
}

/** Google's SDK has them in the `config` of a request. */
function instructionsIn(object: JsonObject): unknown {
  return object.system ?? object.system_instruction ?? object.systemInstruction ?? object.instructions;
}

export function systemMessages(value: unknown, room: Room): Message[] {
  const content = typeof value === 'string' ? readText(value) : untagged(value);
  if (isObject(content) && Array.isArray(content.parts)) return messageOf('system', partsOf(content.parts, room));
  return messageOf('system', partsOf(content, room));
}

function langChainMessages(object: JsonObject, role: string, room: Room): Message[] {
  const type = Array.isArray(object.id) ? object.id.at(-1) : object.type;
  const kwargs = isObject(object.kwargs) ? object.kwargs : {};
  return messageOfObject({ role: roleOf({ type }, role), ...kwargs, type: undefined }, role, room);
}

function responsesRequest(object: JsonObject, role: string, room: Room, depth: number): Message[] {
  const { instructions, ...rest } = object;
  return [...systemMessages(instructions, room), ...messagesOf(rest.input ?? rest.prompt, role, room, depth)];
}

function vercelPrompt(object: JsonObject, role: string, room: Room, depth: number): Message[] {
  return [...systemMessages(object.system, room), ...messagesOf(object.prompt ?? object.input, role, room, depth)];
}

function roleOf(object: JsonObject, role: string): string {
  const told = stringOf(object.role) || (ITEM_TYPES.has(stringOf(object.type)) ? '' : stringOf(object.type));
  return ROLES.get(told) ?? (told || role);
}

function messageOfObject(told: JsonObject, role: string, room: Room): Message[] {
  const object =
    isLangChain(told, stringOf(told.type)) && isObject(told.data) ? { ...told.data, type: told.type } : told;
  const parts =
    ITEM_TYPES.has(stringOf(object.type)) && object.type !== 'message'
      ? partsOf(object, room)
      : messageParts(object, room);
  if (parts.length === 0) return [];
  return [withDetails({ role: itemRole(object, role), parts }, object)];
}

function itemRole(object: JsonObject, role: string): string {
  if (object.type === 'function_call_output') return 'tool';
  return object.type === 'function_call' || object.type === 'reasoning' ? 'assistant' : roleOf(object, role);
}

function withDetails(message: Message, object: JsonObject): Message {
  const reason = object.finish_reason ?? object.finishReason ?? object.stop_reason;
  if (typeof object.name === 'string') message.name = object.name;
  if (typeof reason === 'string' && reason !== '') message.finishReason = reason;
  return message;
}

function messageParts(object: JsonObject, room: Room): MessagePart[] {
  const responseId = stringOf(object.tool_call_id ?? object.toolCallId);
  if (responseId !== '' && !Array.isArray(object.parts)) {
    return [{ type: 'tool_call_response', id: responseId, response: answered(object.content, room) }];
  }
  return [...reasoningParts(object, room), ...withToolCalls(contentOf(object, room), toolCallParts(object, room))];
}

/** Some name a call twice: as a block, and beside the blocks. */
function withToolCalls(parts: MessagePart[], calls: MessagePart[]): MessagePart[] {
  const ids = new Set(parts.map((part) => (part.type === 'tool_call' ? part.id : '')));
  return [...parts, ...calls.filter((call) => call.type !== 'tool_call' || call.id === '' || !ids.has(call.id))];
}

function reasoningParts(object: JsonObject, room: Room): MessagePart[] {
  const text = stringOf(object.reasoning_content ?? object.reasoning);
  return text === '' ? [] : [{ type: 'reasoning', content: room.text(text) }];
}

/** Content may itself be the JSON text of blocks, as OpenLLMetry flattens it. */
function contentOf(object: JsonObject, room: Room): MessagePart[] {
  const content = object.parts ?? object.contents ?? object.content ?? object.text;
  const blocks = typeof content === 'string' && content.startsWith('[{') ? parseContainer(content) : undefined;
  const list = Array.isArray(blocks) && blocks.every(isBlock);
  return partsOf(unwrapped(list ? blocks : content), room);
}

/** OpenInference: `contents: [{message_content: {type, text}}]`. */
function unwrapped(content: unknown): unknown {
  if (!Array.isArray(content)) return isObject(content) && Array.isArray(content.parts) ? content.parts : content;
  return content.map((block) => (isObject(block) ? unwrappedBlock(block) : block));
}

function unwrappedBlock(block: JsonObject): JsonObject {
  if (isObject(block.tool_call)) return { type: 'tool_call', ...block.tool_call };
  return isObject(block.message_content) ? block.message_content : block;
}

function toolCallParts(object: JsonObject, room: Room): MessagePart[] {
  const calls = object.tool_calls ?? object.toolCalls ?? object.tool_call;
  const list = typeof calls === 'string' ? parseContainer(calls) : calls;
  const parts = (Array.isArray(list) ? list : []).filter(isObject).map((call) => toolCall(innerCall(call), room));
  return [...parts, ...functionCallParts(object, room)];
}

/** OpenInference: `tool_calls: [{tool_call: {id, function}}]`. */
function innerCall(call: JsonObject): JsonObject {
  return isObject(call.tool_call) ? call.tool_call : call;
}

function functionCallParts(object: JsonObject, room: Room): MessagePart[] {
  if (isObject(object.function_call)) return [toolCall(object.function_call, room)];
  const name = stringOf(object.function_call_name);
  return name === '' ? [] : [toolCall({ name, arguments: object.function_call_arguments_json }, room)];
}
