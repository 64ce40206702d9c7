/**
 * What went into a call and what came out, in one form: from the span's attributes, its events, or the log records that
 * came with its ids. Of several carriers of the same messages the first that has any is taken, so none is shown twice.
 */
import type { Conversation, ConversationSource, Message } from '../model/conversation.js';
import type { Content, Draft } from './draft.js';
import {
  CHOICE,
  CONTENT_COMPLETION,
  CONTENT_PROMPT,
  eventNameOf,
  MESSAGE_ROLES,
  OPERATION_DETAILS,
} from './event-names.js';
import { unflattened } from './flattened.js';
import { isObject, type JsonObject, parseContainer, untagged } from './json.js';
import type { JsonSlice } from './json-slice.js';
import { messagesOf, systemMessages } from './messages.js';
import { parametersOf, toolsOf } from './parameters.js';
import { answered, structured } from './parts.js';
import { Room } from './room.js';
import { SPANS } from './table.js';

export function conversationOf({ attributes, events, logRecords }: ConversationSource): Conversation {
  const room = new Room();
  const own = JSON.parse(attributes) as JsonObject;
  const carried = [...spanEvents(events), ...logEvents(logRecords)];
  const draft = withContent(SPANS.draftOf(attributes, 0n));
  const tools =
    [own, ...detailsOf(carried)].map((source) => toolsOf(source, room)).find((list) => list.length > 0) ?? [];
  return {
    input: inputOf(draft, own, carried, room),
    output: outputOf(draft, own, carried, room),
    tools,
    parameters: parametersOf(own, room),
    truncated: room.truncated,
  };
}

/** All of it is shown, so all is read. */
type ReadDraft = Omit<Draft, 'content'> & { content: { [field in keyof Content]?: unknown } };

function withContent(draft: Draft): ReadDraft {
  const fields = Object.entries(draft.content) as [keyof Content, JsonSlice | undefined][];
  return { ...draft, content: Object.fromEntries(fields.map(([field, slice]) => [field, slice?.value()])) };
}

// ---- events ----

interface ContentEvent {
  name: string;
  body: unknown;
  attributes: JsonObject;
}

function spanEvents(text: string): ContentEvent[] {
  if (text === '[]' || !text.includes('gen_ai')) return [];
  const events = JSON.parse(text) as { name: string; attributes: JsonObject }[];
  return events.map(({ name, attributes }) => ({ name, body: undefined, attributes }));
}

/** In the order of their times; those of one time stay as they came. */
function logEvents(records: ConversationSource['logRecords']): ContentEvent[] {
  const sorted = [...records].sort((a, b) => Number(BigInt(a.timeUnixNano) - BigInt(b.timeUnixNano)));
  return sorted.map((record) => ({
    name: eventNameOf(record),
    body: JSON.parse(record.body) as unknown,
    attributes: JSON.parse(record.attributes) as JsonObject,
  }));
}

/** An attribute or a member of the body, of the latest event that has it. */
function latest(events: readonly ContentEvent[], name: string): unknown {
  return detailsOf(events)
    .map((details) => details[name])
    .findLast((value) => value !== undefined && value !== null);
}

/** Each event has whole messages, but some send an event for each item of the answer. */
function detailMessages(events: readonly ContentEvent[], name: string, role: string, room: Room): Message[] {
  let said = speechOf([]);
  for (const details of detailsOf(events)) {
    const more = speechOf(messagesOf(details[name], role, room));
    if (isWithin(said, more)) said = more;
    else if (!isWithin(more, said)) append(said, more);
  }
  return said.messages;
}

/** Messages, and their texts to know them again by: of each once, however many events follow. */
interface Speech {
  messages: Message[];
  texts: Set<string>;
}

function speechOf(messages: Message[]): Speech {
  return { messages, texts: new Set(messages.map((message) => JSON.stringify(message))) };
}

function isWithin(some: Speech, all: Speech): boolean {
  if (some.texts.size > all.texts.size) return false;
  for (const text of some.texts) if (!all.texts.has(text)) return false;
  return true;
}

function append(said: Speech, more: Speech): void {
  for (const message of more.messages) said.messages.push(message);
  for (const text of more.texts) said.texts.add(text);
}

function detailsOf(events: readonly ContentEvent[]): JsonObject[] {
  const details = events.filter(({ name }) => name === OPERATION_DETAILS);
  return details.map(({ body, attributes }) => ({ ...(isObject(body) ? body : {}), ...attributes }));
}

/** What a deprecated event says: its body, or the attributes that early SDKs put it into. */
function saidBy({ body, attributes }: ContentEvent): JsonObject {
  const told = body ?? attributes['gen_ai.event.content'] ?? attributes;
  const value = untagged(typeof told === 'string' ? (parseContainer(told) ?? told) : told);
  return isObject(value) ? value : { content: value };
}

function eventInput(events: readonly ContentEvent[], room: Room): Message[] {
  return events.flatMap((event) => {
    const role = MESSAGE_ROLES.get(event.name);
    if (role !== undefined) return messageOfEvent(saidBy(event), role, room);
    return event.name === CONTENT_PROMPT ? messagesOf(event.attributes['gen_ai.prompt'], 'user', room) : [];
  });
}

/** A tool's answer names its call `id`. */
function messageOfEvent(said: JsonObject, role: string, room: Room): Message[] {
  if (role !== 'tool' || isOfBlocks(said.content)) return messagesOf({ role, ...said }, role, room);
  const id = said.id ?? said.tool_call_id;
  const response = answered(said.content, room);
  return [{ role, parts: [{ type: 'tool_call_response', id: typeof id === 'string' ? id : '', response }] }];
}

/** Strands Agents': the answers to several calls in one message, each with the id of its own. */
function isOfBlocks(content: unknown): boolean {
  return typeof content === 'string' && content.startsWith('[{"toolResult"');
}

function eventOutput(events: readonly ContentEvent[], room: Room): Message[] {
  return events.flatMap((event) => {
    if (event.name === CHOICE) return choiceOf(saidBy(event), room);
    const isCompletion = event.name === CONTENT_COMPLETION;
    return isCompletion ? messagesOf(event.attributes['gen_ai.completion'], 'assistant', room) : [];
  });
}

/** Early SDKs leave the message beside the choice, or as JSON text within it. */
function choiceOf(choice: JsonObject, room: Room): Message[] {
  const message =
    typeof choice.message === 'string' ? (parseContainer(choice.message) ?? choice.message) : choice.message;
  const said = isObject(message)
    ? { role: 'assistant', ...message }
    : { role: 'assistant', content: message ?? choice.content };
  const finish = choice.finish_reason;
  return messagesOf({ message: said, finish_reason: finish, tool_calls: choice.tool_calls }, 'assistant', room);
}

/** pydantic-ai and Logfire keep such events in an attribute. */
function attributeEvents({ content, kind }: ReadDraft): ContentEvent[] {
  const list = typeof content.events === 'string' ? parseContainer(content.events) : content.events;
  const events = (Array.isArray(list) ? list.filter(isObject) : []).map(eventInAttribute);
  return kind === 'llm' ? withChoices(events) : events;
}

/** What Logfire has no event for stands in `data` as the provider said it: the reasoning of OpenAI's Responses. */
function eventInAttribute(event: JsonObject): ContentEvent {
  const name = String(event['event.name'] ?? event.name ?? '');
  const isItem = name === 'gen_ai.unknown' && isObject(event.data);
  return { name: isItem ? ASSISTANT : name, body: isItem ? event.data : event, attributes: {} };
}

const ASSISTANT = 'gen_ai.assistant.message';

/** Logfire's Responses end with the answer, as one more message of the assistant. */
function withChoices(events: ContentEvent[]): ContentEvent[] {
  if (events.some(({ name }) => name === CHOICE)) return events;
  const asked = events.findLastIndex(({ name }) => name !== ASSISTANT) + 1;
  return events.map((event, index) =>
    index < asked ? event : { ...event, name: CHOICE, body: { message: event.body } },
  );
}

// ---- sides ----

/** Asked one after another: the first that has messages counts. */
function firstOf(...sources: (() => Message[])[]): Message[] {
  for (const source of sources) {
    const messages = source();
    if (messages.length > 0) return messages;
  }
  return [];
}

function inputOf(draft: ReadDraft, own: JsonObject, carried: readonly ContentEvent[], room: Room): Message[] {
  const { content } = draft;
  const messages = firstOf(
    () => messagesOf(content.inputMessages, 'user', room),
    () => flatMessages(own, ['llm.input_messages.', 'gen_ai.prompt.'], 'user', room),
    () => toolCallOf(draft, room),
    () => messagesOf(content.input, 'user', room),
    () => flatMessages(own, ['llm.prompts.', 'embedding.embeddings.'], 'user', room),
    () => eventInput(attributeEvents(draft), room),
    () => detailMessages(carried, 'gen_ai.input.messages', 'user', room),
    () => eventInput(carried, room),
  );
  return withSystem(content.system ?? latest(carried, 'gen_ai.system_instructions'), messages, room);
}

function outputOf(draft: ReadDraft, own: JsonObject, carried: readonly ContentEvent[], room: Room): Message[] {
  const { content } = draft;
  return firstOf(
    () => messagesOf(content.outputMessages, 'assistant', room),
    () => flatMessages(own, ['llm.output_messages.', 'gen_ai.completion.'], 'assistant', room),
    () => toolResultOf(draft, room),
    () => answerOf(draft, room),
    () => flatMessages(own, ['llm.choices.'], 'assistant', room),
    () => flatMessages(own, ['retrieval.documents.', 'reranker.output_documents.'], 'document', room),
    () => eventOutput(attributeEvents(draft), room),
    () => detailMessages(carried, 'gen_ai.output.messages', 'assistant', room),
    () => eventOutput(carried, room),
  );
}

function withSystem(system: unknown, messages: Message[], room: Room): Message[] {
  if (system === undefined || messages[0]?.role === 'system') return messages;
  return [...systemMessages(system, room), ...messages];
}

/** Wrapped as their vocabularies wrap them: `{message: …}`, `{completion: …}`, `{document: …}`. */
const FLAT_WRAPPERS = ['completion', 'prompt', 'document', 'embedding'];

function flatMessages(own: JsonObject, prefixes: readonly string[], role: string, room: Room): Message[] {
  const onCut = () => {
    room.truncated = true;
  };
  const lists = prefixes.map((prefix) => unflattened(own, prefix, onCut));
  const elements = lists.find((list) => list.length > 0) ?? [];
  return elements.flatMap((element) => messagesOf(unwrapElement(element), role, room));
}

function unwrapElement(element: unknown): unknown {
  if (!isObject(element)) return element;
  const name = FLAT_WRAPPERS.find((candidate) => isObject(element[candidate]));
  const inner = name === undefined ? element : (element[name] as JsonObject);
  const text = inner.text ?? inner.content;
  return name === undefined ? element : text;
}

/** A tool's span: the model's call, and what the tool answered. */
function toolCallOf({ content, kind, toolName, entityName, toolCallId }: ReadDraft, room: Room): Message[] {
  const given = content.toolArguments ?? (kind === 'tool' ? content.input : undefined);
  if (given === undefined || (kind !== undefined && kind !== 'tool')) return [];
  const name = toolName ?? entityName ?? '';
  const part = { type: 'tool_call', id: toolCallId ?? '', name, arguments: structured(given, room) } as const;
  return [{ role: 'assistant', parts: [part] }];
}

function toolResultOf({ content, kind, toolCallId }: ReadDraft, room: Room): Message[] {
  const told = content.toolResult ?? (kind === 'tool' ? content.output : undefined);
  if (told === undefined) return [];
  const response = structured(told, room);
  return [{ role: 'tool', parts: [{ type: 'tool_call_response', id: toolCallId ?? '', response }] }];
}

/** A text, and tool calls beside it, are one message. */
function answerOf({ content }: ReadDraft, room: Room): Message[] {
  const messages = messagesOf(content.output, 'assistant', room);
  const calls =
    typeof content.outputToolCalls === 'string' ? parseContainer(content.outputToolCalls) : content.outputToolCalls;
  if (!Array.isArray(calls)) return messages;
  const called = messagesOf({ role: 'assistant', tool_calls: calls }, 'assistant', room);
  if (messages.length !== 1 || called.length === 0) return [...messages, ...called];
  return [{ ...messages[0]!, parts: [...messages[0]!.parts, ...called[0]!.parts] }];
}
