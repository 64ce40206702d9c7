/** Events of OpenTelemetry's conventions that carry what was said, as log records or as events of a span. */
import type { LogRecord } from '../model/telemetry.js';
import { isObject, parseJson } from './json.js';

/** Whole messages of one call. */
export const OPERATION_DETAILS = 'gen_ai.client.inference.operation.details';

/** Deprecated: one message each. */
export const MESSAGE_ROLES: ReadonlyMap<string, string> = new Map([
  ['gen_ai.system.message', 'system'],
  ['gen_ai.user.message', 'user'],
  ['gen_ai.assistant.message', 'assistant'],
  ['gen_ai.tool.message', 'tool'],
]);
export const CHOICE = 'gen_ai.choice';

/** Older still, as events of a span. */
export const CONTENT_PROMPT = 'gen_ai.content.prompt';
export const CONTENT_COMPLETION = 'gen_ai.content.completion';

export function isContentEvent(name: string): boolean {
  return name === OPERATION_DETAILS || name === CHOICE || MESSAGE_ROLES.has(name) || isSpanContent(name);
}

function isSpanContent(name: string): boolean {
  return name === CONTENT_PROMPT || name === CONTENT_COMPLETION;
}

/** The field, or the attribute where older SDKs put it. */
export function eventNameOf({ eventName, attributes }: Pick<LogRecord, 'eventName' | 'attributes'>): string {
  if (eventName !== '') return eventName;
  if (!attributes.includes('"event.name":"gen_ai.')) return '';
  const parsed = parseJson(attributes);
  const name = isObject(parsed) ? parsed['event.name'] : '';
  return typeof name === 'string' ? name : '';
}
