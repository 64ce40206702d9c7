/** What went into a call and what came out, in one form, whichever vocabulary carried it: OpenTelemetry's messages. */

export type MessagePart =
  | { type: 'text'; content: string }
  | { type: 'reasoning'; content: string }
  | { type: 'tool_call'; id: string; name: string; arguments: unknown }
  | { type: 'tool_call_response'; id: string; response: unknown }
  | { type: 'uri'; modality: string; uri: string }
  /** `content` is base64. */
  | { type: 'blob'; modality: string; mimeType: string; content: string }
  /** What no other form fits: the JSON value as it came. */
  | { type: 'other'; value: unknown };

export interface Message {
  role: string;
  parts: MessagePart[];
  name?: string;
  finishReason?: string;
}

export interface Conversation {
  input: Message[];
  output: Message[];
  /** JSON values as they came: definitions of tools, and parameters of the request by their conventional names. */
  tools: unknown[];
  parameters: Record<string, unknown>;
  /** Parts were left out, for what is there is too much. */
  truncated: boolean;
}

/** A record of a log event that carries messages of a span. */
export interface ConversationEvent {
  timeUnixNano: bigint;
  eventName: string;
  /** JSON text, as the store has it. */
  body: string;
  attributes: string;
}

/** What a conversation is read from: a span as it is stored, and the log events that name it. */
export interface ConversationSource {
  /** JSON text. */
  attributes: string;
  events: string;
  scopeName: string;
  logRecords: readonly ConversationEvent[];
}

/** Reads it on another thread: messages may be megabytes of JSON within JSON. */
export type ReadConversation = (source: ConversationSource) => Promise<Conversation>;
