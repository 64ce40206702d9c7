/** What went into a generation and came out, read from its span and the log events that name it. */
import type { Conversation, ConversationEvent, ReadConversation } from '../../model/conversation.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import type { LogQuery, StoredLogRecord, TelemetryReader } from '../../store/telemetry/telemetry.js';

/** Of one span: the deprecated events are one for each message. */
const MAX_EVENTS = 1000;
/** Of their texts, of which half is shown at most: each may be a megabyte. */
const MAX_CHARS = 16 * 1024 * 1024;
/** Looked through for them: whatever else an application logs within a span has its ids as well. */
const MAX_PAGES = 100;
/** As many are in memory at once. */
const PAGE_RECORDS = 100;

const NONE: Conversation = { input: [], output: [], tools: [], parameters: {}, truncated: false };

export interface MessageSource {
  telemetry: Pick<TelemetryReader, 'getSpan' | 'listLogs'>;
  readConversation: ReadConversation;
}

/** Nothing of a log: it has no messages. */
export async function messagesOf(
  { telemetry, readConversation }: MessageSource,
  workspace: string,
  { source, traceId, spanId }: StoredGeneration,
): Promise<Conversation> {
  if (source === 'log' || !traceId || !spanId) return NONE;
  const [span, logs] = await Promise.all([
    telemetry.getSpan(workspace, traceId, spanId),
    readEvents(telemetry, { workspace, traceId, spanId, order: 'asc', limit: PAGE_RECORDS }),
  ]);
  if (!span) return NONE;
  const { attributes, events, scope } = span;
  const { logRecords } = logs;
  const conversation = await readConversation({ attributes, events, scopeName: scope.name, logRecords });
  return logs.truncated ? { ...conversation, truncated: true } : conversation;
}

interface Events {
  logRecords: ConversationEvent[];
  /** There were more records than are looked through, or taken. */
  truncated: boolean;
}

async function readEvents(telemetry: MessageSource['telemetry'], first: LogQuery): Promise<Events> {
  const logRecords: ConversationEvent[] = [];
  let chars = 0;
  let query = first;
  for (let page = 0; page < MAX_PAGES && logRecords.length < MAX_EVENTS; page++) {
    const { items, next } = await telemetry.listLogs(query);
    for (const item of items) {
      if (!isNamed(item)) continue;
      if (chars >= MAX_CHARS) return { logRecords, truncated: true };
      logRecords.push(eventOf(item));
      chars += item.body.length + item.attributes.length;
    }
    if (!next) return { logRecords, truncated: false };
    query = { ...query, after: next };
  }
  return { logRecords, truncated: true };
}

/** Whether it may be one of the events: the conventions of older SDKs have the name in an attribute. */
function isNamed({ eventName, attributes }: StoredLogRecord): boolean {
  return eventName.startsWith('gen_ai.') || (eventName === '' && attributes.includes('"event.name":"gen_ai.'));
}

function eventOf({ timeUnixNano, eventName, body, attributes }: StoredLogRecord): ConversationEvent {
  return { timeUnixNano, eventName, body, attributes };
}
