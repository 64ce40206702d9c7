/** Finds its way in a payload that may be malformed, for error messages: slow, and never throws. */
import type { Message } from '../../src/otlp/schema.js';

export interface WireField {
  number: number;
  wireType: number;
  /** Where the content starts and stops. */
  from: number;
  stop: number;
}

/** The fields up to the first that can't be read. Groups end the list. */
export function readFields(body: Uint8Array, pos: number, end: number): WireField[] {
  const fields: WireField[] = [];
  while (pos < end) {
    const field = readField(body, pos, end);
    if (field === undefined) break;
    fields.push(field);
    pos = field.stop;
  }
  return fields;
}

function readVarint(body: Uint8Array, pos: number, end: number): { value: number; pos: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10 && pos < end; i++) {
    const byte = body[pos++]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, pos };
  }
  return undefined;
}

function readField(body: Uint8Array, start: number, end: number): WireField | undefined {
  const tag = readVarint(body, start, end);
  if (tag === undefined || tag.value < 8 || tag.value >= 2 ** 32) return undefined;
  const wireType = tag.value % 8;
  const content = readVarint(body, tag.pos, end);
  const from = wireType === 2 && content !== undefined ? content.pos : tag.pos;
  const stop = stopOf(wireType, tag.pos, content);
  return stop > end ? undefined : { number: Math.floor(tag.value / 8), wireType, from, stop };
}

function stopOf(wireType: number, pos: number, content: { value: number; pos: number } | undefined): number {
  if (wireType === 1) return pos + 8;
  if (wireType === 5) return pos + 4;
  if (content === undefined) return Number.POSITIVE_INFINITY;
  if (wireType === 0) return content.pos;
  return wireType === 2 ? content.pos + content.value : Number.POSITIVE_INFINITY;
}

/** The path of the innermost field around `offset`: `resource_spans[0].scope_spans[0].spans[2].name`. */
export function locate(body: Uint8Array, request: Message, offset: number): string {
  const path: string[] = [];
  let message: Message | undefined = request;
  let from = 0;
  let stop = body.length;
  while (message !== undefined) {
    const before = readFields(body, from, stop).filter((field) => field.from <= offset);
    const field = before.at(-1);
    if (field === undefined || offset > field.stop || (offset === field.stop && field.wireType !== 2)) break;
    const known: Message['fields'][number] | undefined = message.fields.find(({ number }) => number === field.number);
    if (known === undefined) break;
    const index = before.filter(({ number }) => number === field.number).length - 1;
    path.push(known.repeated ? `${known.name}[${index}]` : known.name);
    message = field.wireType === 2 ? known.message : undefined;
    from = field.from;
    stop = field.stop;
  }
  return path.length === 0 ? request.name : path.join('.');
}
