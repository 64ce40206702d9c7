/** What went into a generation and came out, read from its span and the log events that name it. */
import type { Conversation, ReadConversation } from '../../model/conversation.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';

/** Of one span: the deprecated events are one for each message. */
const MAX_EVENTS = 1000;

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
    telemetry.listLogs({ workspace, traceId, spanId, order: 'asc', limit: MAX_EVENTS }),
  ]);
  if (!span) return NONE;
  const { attributes, events, scope } = span;
  const logRecords = logs.items.map(({ timeUnixNano, eventName, body, attributes }) => ({
    timeUnixNano,
    eventName,
    body,
    attributes,
  }));
  return readConversation({ attributes, events, scopeName: scope.name, logRecords });
}
