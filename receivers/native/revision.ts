/** A stored span with a client's changes: events, links, resource, scope and all that the changes leave out stay. */
import type { SpanChanges } from '../../src/model/native.js';
import { attributesTextOf, eachMember, metadataAttributes, SPAN_FIELDS } from '../../src/model/native-metadata.js';
import { ABSENT, RUNNING } from '../../src/model/native-names.js';
import { nativeSpanOf } from '../../src/model/native-view.js';
import type { Span } from '../../src/model/telemetry.js';
import { nanosOf, STATUS_CODES } from './span-payload.js';

export function hasChanges(changes: SpanChanges): boolean {
  return Object.values(changes).some((value) => value !== undefined);
}

export function revisedSpan(span: Span, changes: SpanChanges): Span {
  const before = nativeSpanOf(span);
  const absent = [
    ...(before.startTimeMs === null && changes.start_time === undefined ? ['start_time'] : []),
    ...(before.endTimeMs === null && changes.end_time === undefined ? ['end_time'] : []),
  ];
  return {
    ...span,
    name: changes.name ?? span.name,
    ...timesOf(span, changes, absent),
    ...statusOf(span, changes),
    attributes: attributesOf(span, changes, { absent, running: (changes.status ?? before.status) === 'running' }),
  };
}

/** A time that the client never told follows the other one, so that the span does not last where nobody said so. */
function timesOf(
  span: Span,
  { start_time, end_time }: SpanChanges,
  absent: readonly string[],
): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  const start = start_time === undefined ? span.startTimeUnixNano : nanosOf(start_time);
  const end = end_time === undefined ? span.endTimeUnixNano : nanosOf(end_time);
  if (absent.includes('end_time')) return { startTimeUnixNano: start, endTimeUnixNano: start };
  const isEarlier = absent.includes('start_time') && end < start;
  return { startTimeUnixNano: isEarlier ? end : start, endTimeUnixNano: end };
}

/** A message belongs to the status that it came with. */
function statusOf(span: Span, { status }: SpanChanges): Pick<Span, 'statusCode' | 'statusMessage'> {
  const statusCode = status === undefined ? span.statusCode : STATUS_CODES[status];
  return { statusCode, statusMessage: statusCode === span.statusCode ? span.statusMessage : '' };
}

function attributesOf(
  span: Span,
  { metadata }: SpanChanges,
  { absent, running }: { absent: readonly string[]; running: boolean },
): string {
  const members: string[] = [];
  eachMember(span.attributes, (key, value) => {
    if (key === ABSENT || key === RUNNING) return;
    if (metadata === undefined || SPAN_FIELDS.has(key)) members.push(`${JSON.stringify(key)}:${value}`);
  });
  if (absent.length > 0) members.push(`"${ABSENT}":${JSON.stringify(absent)}`);
  if (running) members.push(`"${RUNNING}":true`);
  const added = metadata && attributesTextOf(metadataAttributes(metadata, SPAN_FIELDS)).slice(1, -1);
  if (added) members.push(added);
  return `{${members.join(',')}}`;
}
