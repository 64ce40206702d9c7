/** Spans and log records as the decoder leaves them, with attributes given as JSON values. */
import type { LogRecord, Resource, Scope, Span } from '../../src/model/telemetry.js';

type Attributes = Record<string, unknown> | string;

const textOf = (attributes: Attributes) => (typeof attributes === 'string' ? attributes : JSON.stringify(attributes));

export function resourceOf(attributes: Attributes = {}): Resource {
  const text = textOf(attributes);
  return { key: text, attributes: text, droppedAttributesCount: 0, schemaUrl: '', entityRefs: '[]', serviceName: '' };
}

export function scopeOf(name = 'test', version = ''): Scope {
  return { key: `${name}@${version}`, name, version, attributes: '{}', droppedAttributesCount: 0, schemaUrl: '' };
}

export const START = 1_795_294_640_892_000_000n;

export function spanOf(attributes: Attributes, changes: Partial<Span> = {}): Span {
  return {
    traceId: new Uint8Array(16).fill(1),
    spanId: new Uint8Array(8).fill(2),
    parentSpanId: undefined,
    traceState: '',
    flags: 0,
    name: 'span',
    kind: 3,
    startTimeUnixNano: START,
    endTimeUnixNano: START + 1_500_000_000n,
    statusCode: 0,
    statusMessage: '',
    attributes: textOf(attributes),
    droppedAttributesCount: 0,
    events: '[]',
    droppedEventsCount: 0,
    links: '[]',
    droppedLinksCount: 0,
    resource: resourceOf(),
    scope: scopeOf(),
    ...changes,
  };
}

export function logOf(
  changes: Partial<Omit<LogRecord, 'attributes' | 'body'>> & { attributes?: Attributes; body?: unknown },
): LogRecord {
  const { attributes = {}, body = null, ...rest } = changes;
  return {
    timeUnixNano: START,
    observedTimeUnixNano: START,
    severityNumber: 9,
    severityText: '',
    eventName: '',
    droppedAttributesCount: 0,
    flags: 0,
    traceId: undefined,
    spanId: undefined,
    resource: resourceOf(),
    scope: scopeOf(),
    ...rest,
    body: JSON.stringify(body),
    attributes: textOf(attributes),
  };
}
