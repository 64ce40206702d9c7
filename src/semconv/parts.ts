/**
 * The parts of a message, from any provider's or library's content: OpenTelemetry's own, OpenAI's chat and Responses,
 * Anthropic's blocks, Gemini's parts, the Vercel AI SDK's.
 */
import type { MessagePart } from '../model/conversation.js';
import { isObject, type JsonObject, parseContainer, untagged } from './json.js';
import type { Room } from './room.js';

const MAX_DEPTH = 8;

/** What stands as a message's content: a text, a block, or a list of them. */
export function partsOf(value: unknown, room: Room, depth = 0): MessagePart[] {
  const content = untagged(value);
  if (content === null || content === undefined || content === '') return [];
  if (Array.isArray(content) && depth < MAX_DEPTH) return content.flatMap((block) => partsOf(block, room, depth + 1));
  if (!room.takesPart()) return [];
  if (typeof content === 'string') return [{ type: 'text', content: room.text(content) }];
  return isObject(content) ? blockParts(content, room) : [{ type: 'other', value: content }];
}

type ReadBlock = (block: JsonObject, room: Room) => MessagePart | MessagePart[] | undefined;

function blockParts(block: JsonObject, room: Room): MessagePart[] {
  const read = BLOCKS.get(stringOf(block.type)) ?? untypedBlock;
  const parts = read(block, room) ?? other(block, room);
  return Array.isArray(parts) ? parts : [parts];
}

/** Parts of it may be long: the whole is cut as a text is. */
function other(block: JsonObject, room: Room): MessagePart {
  const text = JSON.stringify(block);
  const kept = room.text(text);
  return kept === text ? { type: 'other', value: block } : { type: 'text', content: kept };
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textBlock(...names: string[]): ReadBlock {
  return (block, room) => {
    const text = firstString(block, names);
    return text === undefined ? undefined : { type: 'text', content: room.text(text) };
  };
}

function reasoningBlock(block: JsonObject, room: Room): MessagePart | undefined {
  const text = firstString(block, ['content', 'thinking', 'text', 'reasoning']) ?? summaryOf(block.summary);
  return text === undefined ? undefined : { type: 'reasoning', content: room.text(text) };
}

/** OpenAI's Responses: a list of texts. */
function summaryOf(summary: unknown): string | undefined {
  if (!Array.isArray(summary)) return undefined;
  return summary.map((item) => (isObject(item) ? stringOf(item.text) : '')).join('\n');
}

function firstString(block: JsonObject, names: readonly string[]): string | undefined {
  return names.map((name) => block[name]).find((value) => typeof value === 'string');
}

/** OpenAI nests it in `function`, all others have it beside the id. */
export function toolCall(call: JsonObject, room: Room): MessagePart {
  const named = isObject(call.function) ? call.function : call;
  const id = firstString(call, ['call_id', 'toolCallId', 'toolUseId', 'tool_call_id', 'id']) ?? '';
  const name = firstString(named, ['name', 'toolName']) ?? '';
  const given = named.arguments ?? named.args ?? named.input;
  return { type: 'tool_call', id, name, arguments: structured(given, room) };
}

const RESULT_NAMES = ['response', 'result', 'output', 'content'];

function toolResponse(block: JsonObject, room: Room): MessagePart {
  const name = RESULT_NAMES.find((candidate) => block[candidate] !== undefined);
  const id = firstString(block, ['tool_use_id', 'toolUseId', 'toolCallId', 'tool_call_id', 'call_id', 'id']) ?? '';
  return { type: 'tool_call_response', id, response: answered(name && block[name], room) };
}

/** JSON text of an object or list becomes what it says; other texts stay. */
export function structured(value: unknown, room: Room): unknown {
  if (typeof value !== 'string') return value === undefined ? null : withinRoom(untagged(value), room);
  const parsed = parseContainer(value);
  return parsed === undefined ? room.text(value) : withinRoom(parsed, room);
}

/** What a tool answered, as it came: its text was the model's to read. The Vercel AI SDK 5 says beside it of what type it is. */
export function answered(value: unknown, room: Room): unknown {
  if (isObject(value) && typeof value.type === 'string' && value.value !== undefined)
    return answered(value.value, room);
  return typeof value === 'string' ? room.text(value) : structured(value, room);
}

function withinRoom(value: unknown, room: Room): unknown {
  if (typeof value !== 'object') return value;
  const text = JSON.stringify(value);
  const kept = room.text(text);
  return kept === text ? value : kept;
}

// ---- media ----

const DATA_URI = /^data:([^;,]*)(?:;[^;,]*)*;base64,/;

function media(modality: string, uri: string, room: Room): MessagePart {
  const head = DATA_URI.exec(uri.slice(0, 200));
  if (!head) return { type: 'uri', modality, uri: room.text(uri) };
  return blob(modality, head[1]!, uri.slice(head[0].length), room);
}

function blob(modality: string, mimeType: string, content: string, room: Room): MessagePart {
  return { type: 'blob', modality, mimeType, content: room.text(content) };
}

function modalityOf(mimeType: string): string {
  const [kind = ''] = mimeType.split('/', 1);
  return ['image', 'audio', 'video'].includes(kind) ? kind : 'document';
}

/** `image_url: {url}` or `image_url: "…"` (OpenAI), `source` (Anthropic), `image` (Vercel; OpenInference: `{image: {url}}`). */
function imageBlock(block: JsonObject, room: Room): MessagePart | undefined {
  if (isObject(block.source)) return sourceBlock('image', block.source, room);
  const url = uriIn(block.image_url) ?? uriIn(block.image);
  if (url === undefined) return undefined;
  const mimeType = firstString(block, ['mimeType', 'mediaType', 'mime_type']);
  const isUri = /^(?:data|https?|gs|s3|file):/.test(url.slice(0, 8));
  return isUri ? media('image', url, room) : blob('image', mimeType ?? 'image/*', url, room);
}

function uriIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!isObject(value)) return undefined;
  return uriIn(value.url) ?? uriIn(value.image);
}

function sourceBlock(modality: string, source: JsonObject, room: Room): MessagePart | undefined {
  if (typeof source.url === 'string') return media(modality, source.url, room);
  if (typeof source.data !== 'string') return undefined;
  return blob(modality, stringOf(source.media_type), source.data, room);
}

function documentBlock(block: JsonObject, room: Room): MessagePart | undefined {
  return isObject(block.source) ? sourceBlock('document', block.source, room) : undefined;
}

function audioBlock(block: JsonObject, room: Room): MessagePart | undefined {
  const audio = isObject(block.input_audio) ? block.input_audio : block.audio;
  if (!isObject(audio) || typeof audio.data !== 'string') return undefined;
  return blob('audio', `audio/${stringOf(audio.format) || '*'}`, audio.data, room);
}

/** The Vercel AI SDK's and OpenAI's. */
function fileBlock(block: JsonObject, room: Room): MessagePart | undefined {
  const file = isObject(block.file) ? block.file : block;
  const data = firstString(file, ['data', 'file_data', 'url']);
  if (data === undefined) return undefined;
  const mimeType = firstString(file, ['mediaType', 'mimeType', 'mime_type']) ?? '';
  const isUri = /^(?:data|https?):/.test(data.slice(0, 8));
  return isUri ? media(modalityOf(mimeType), data, room) : blob(modalityOf(mimeType), mimeType, data, room);
}

/** OpenTelemetry's. */
function blobBlock(block: JsonObject, room: Room): MessagePart | undefined {
  const content = isObject(block.content) ? stringOf(block.content.$bytes) : stringOf(block.content ?? block.data);
  const mimeType = firstString(block, ['mime_type', 'mimeType', 'media_type']) ?? '';
  return blob(stringOf(block.modality) || modalityOf(mimeType), mimeType, content, room);
}

function uriBlock(block: JsonObject, room: Room): MessagePart | undefined {
  return typeof block.uri === 'string' ? media(stringOf(block.modality), block.uri, room) : undefined;
}

/** Gemini's parts, and Bedrock's blocks, name no type. */
function untypedBlock(block: JsonObject, room: Room): MessagePart | MessagePart[] | undefined {
  const { functionCall, function_call, functionResponse, function_response, inlineData, inline_data } = block;
  const call = functionCall ?? function_call ?? block.toolUse;
  if (isObject(call)) return toolCall(call, room);
  const response = functionResponse ?? function_response ?? block.toolResult;
  if (isObject(response)) return toolResponse(response, room);
  const data = inlineData ?? inline_data;
  if (isObject(data)) return geminiBlob(data, room);
  return reasoningOfUntyped(block, room) ?? textOfUntyped(block, room);
}

function reasoningOfUntyped({ reasoningContent }: JsonObject, room: Room): MessagePart | undefined {
  const text = isObject(reasoningContent) ? reasoningContent.reasoningText : undefined;
  return isObject(text) && typeof text.text === 'string'
    ? { type: 'reasoning', content: room.text(text.text) }
    : undefined;
}

function textOfUntyped(block: JsonObject, room: Room): MessagePart | undefined {
  if (typeof block.text !== 'string') return undefined;
  return { type: block.thought === true ? 'reasoning' : 'text', content: room.text(block.text) };
}

function geminiBlob(data: JsonObject, room: Room): MessagePart {
  const mimeType = firstString(data, ['mimeType', 'mime_type']) ?? '';
  return blob(modalityOf(mimeType), mimeType, stringOf(data.data), room);
}

const UNTYPED = ['text', 'toolUse', 'toolResult', 'reasoningContent', 'functionCall', 'functionResponse'];

/** Of a text that is JSON: whether it is a block, and no answer in JSON. */
export function isBlock(value: unknown): boolean {
  if (!isObject(value)) return false;
  return typeof value.type === 'string' || UNTYPED.some((name) => value[name] !== undefined);
}

const BLOCKS: ReadonlyMap<string, ReadBlock> = new Map<string, ReadBlock>([
  ['text', textBlock('text', 'content')],
  ['input_text', textBlock('text', 'content')],
  ['output_text', textBlock('text', 'content')],
  ['refusal', textBlock('refusal', 'content')],
  ['reasoning', reasoningBlock],
  ['thinking', reasoningBlock],
  ['tool_call', toolCall],
  ['tool-call', toolCall],
  ['tool_use', toolCall],
  ['server_tool_use', toolCall],
  ['function_call', toolCall],
  ['function', toolCall],
  ['tool_call_response', toolResponse],
  ['tool-result', toolResponse],
  ['tool_result', toolResponse],
  ['function_call_output', toolResponse],
  ['image_url', imageBlock],
  ['input_image', imageBlock],
  ['image', imageBlock],
  ['input_audio', audioBlock],
  ['audio', audioBlock],
  ['document', documentBlock],
  ['file', fileBlock],
  ['input_file', fileBlock],
  ['blob', blobBlock],
  ['uri', uriBlock],
]);
