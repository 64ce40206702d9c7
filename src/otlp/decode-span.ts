/** A Span message: from the wire to the record that is stored. The hot path of the store: one pass, no intermediates. */
import type { Resource, Scope, Span } from '../model/telemetry.js';
import { isZero, readId } from './decode-id.js';
import { eachField } from './decode-resource.js';
import { readText } from './decode-text.js';
import { addKeyValue, attributesText, openKeyValues, putAttributes, type Ranges } from './decode-value.js';
import { beginText, endText, putAscii, putByte, putHex, putInteger, putString } from './json-text.js';
import { bytes, next, readStop, readTag, readUint32, shortStop, skip, view } from './wire.js';

// The status of the span that is being decoded; a message that comes twice is merged field by field.
let statusCode = 0;
let statusMessage = '';

/** Undefined for a span that the check would have rejected. */
export function decodeSpan(pos: number, end: number, resource: Resource, scope: Scope): Span | undefined {
  let traceId: Uint8Array | undefined;
  let spanId: Uint8Array | undefined;
  let parentSpanId: Uint8Array | undefined;
  let isParentUnusable = false;
  let traceState = '';
  let flags = 0;
  let name = '';
  let kind = 0;
  let startTimeUnixNano = 0n;
  let endTimeUnixNano = 0n;
  let droppedAttributesCount = 0;
  let droppedEventsCount = 0;
  let droppedLinksCount = 0;
  let events: Ranges | undefined;
  let links: Ranges | undefined;
  const attributes = openKeyValues();
  statusCode = 0;
  statusMessage = '';

  while (pos < end) {
    const tag = readTag(pos, end);
    pos = next;
    if ((tag & 7) === 2) {
      let stop = shortStop(pos++, end);
      if (stop === 0) {
        stop = readStop(pos - 1, end);
        pos = next;
      }
      switch (tag >>> 3) {
        case 1:
          traceId = readId(pos, stop, 16);
          break;
        case 2:
          spanId = readId(pos, stop, 8);
          break;
        case 3:
          traceState = readText(pos, stop);
          break;
        case 4:
          parentSpanId = readId(pos, stop, 8);
          isParentUnusable = stop - pos !== 8 && stop !== pos;
          break;
        case 5:
          name = readText(pos, stop);
          break;
        case 9:
          addKeyValue(pos, stop);
          break;
        case 11:
          events ??= [];
          events.push(pos, stop);
          break;
        case 13:
          links ??= [];
          links.push(pos, stop);
          break;
        case 15:
          decodeStatus(pos, stop);
          break;
      }
      pos = stop;
      continue;
    }
    const content = pos;
    pos = skip(tag, pos, end);
    switch (tag) {
      case 0x30:
        kind = readUint32(content, pos) | 0;
        break;
      case 0x39:
        startTimeUnixNano = view.getBigUint64(content, true);
        break;
      case 0x41:
        endTimeUnixNano = view.getBigUint64(content, true);
        break;
      case 0x50:
        droppedAttributesCount = readUint32(content, pos);
        break;
      case 0x60:
        droppedEventsCount = readUint32(content, pos);
        break;
      case 0x70:
        droppedLinksCount = readUint32(content, pos);
        break;
      case 0x85:
        flags = view.getUint32(content, true);
        break;
    }
  }

  const record = {
    traceId: traceId!,
    spanId: spanId!,
    parentSpanId,
    traceState,
    flags,
    name,
    kind,
    startTimeUnixNano,
    endTimeUnixNano,
    statusCode,
    statusMessage,
    attributes: attributesText(attributes),
    droppedAttributesCount,
    events: events === undefined ? '[]' : eventsText(events),
    droppedEventsCount,
    links: links === undefined ? '[]' : linksText(links),
    droppedLinksCount,
    resource,
    scope,
  };
  return traceId === undefined || spanId === undefined || isParentUnusable ? undefined : record;
}

function decodeStatus(pos: number, end: number): void {
  eachField(pos, end, (tag, from, stop) => {
    if (tag === 0x12) statusMessage = readText(from, stop);
    else if (tag === 0x18) statusCode = readUint32(from, stop) | 0;
  });
}

function eventsText(events: Ranges): string {
  beginText();
  for (let i = 0; i < events.length; i += 2) {
    putAscii(i === 0 ? '[' : ',');
    putEvent(events[i]!, events[i + 1]!);
  }
  putByte(0x5d);
  return endText();
}

function putEvent(pos: number, end: number): void {
  const attributes = openKeyValues();
  let timeUnixNano = 0n;
  let nameFrom = 0;
  let nameStop = 0;
  let droppedAttributesCount = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (tag === 0x09) timeUnixNano = view.getBigUint64(from, true);
    else if (tag === 0x12) [nameFrom, nameStop] = [from, stop];
    else if (tag === 0x1a) addKeyValue(from, stop);
    else if (tag === 0x20) droppedAttributesCount = readUint32(from, stop);
  });
  putAscii(`{"timeUnixNano":"${timeUnixNano}","name":`);
  putString(bytes, nameFrom, nameStop);
  putAscii(',"attributes":');
  putAttributes(attributes);
  putAscii(',"droppedAttributesCount":');
  putInteger(droppedAttributesCount);
  putByte(0x7d);
}

function linksText(links: Ranges): string {
  beginText();
  for (let i = 0; i < links.length; i += 2) {
    putAscii(i === 0 ? '[' : ',');
    putLink(links[i]!, links[i + 1]!);
  }
  putByte(0x5d);
  return endText();
}

function putLink(pos: number, end: number): void {
  const attributes = openKeyValues();
  const traceId: Ranges = [0, 0];
  const spanId: Ranges = [0, 0];
  const traceState: Ranges = [0, 0];
  let droppedAttributesCount = 0;
  let flags = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (tag === 0x0a) [traceId[0], traceId[1]] = [from, stop];
    else if (tag === 0x12) [spanId[0], spanId[1]] = [from, stop];
    else if (tag === 0x1a) [traceState[0], traceState[1]] = [from, stop];
    else if (tag === 0x22) addKeyValue(from, stop);
    else if (tag === 0x28) droppedAttributesCount = readUint32(from, stop);
    else if (tag === 0x35) flags = view.getUint32(from, true);
  });
  putIdField('{"traceId":"', traceId, 16);
  putIdField('","spanId":"', spanId, 8);
  putAscii('","traceState":');
  putString(bytes, traceState[0]!, traceState[1]!);
  putAscii(',"attributes":');
  putAttributes(attributes);
  putAscii(',"droppedAttributesCount":');
  putInteger(droppedAttributesCount);
  putAscii(',"flags":');
  putInteger(flags);
  putByte(0x7d);
}

/** In hex; nothing for an id of another length, or all zero. */
export function putIdField(before: string, [from, stop]: Ranges, length: number): void {
  putAscii(before);
  if (stop! - from! === length && !isZero(from!, length)) putHex(bytes, from!, stop!);
}
