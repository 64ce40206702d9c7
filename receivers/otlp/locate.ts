/** Finds its way in a payload that may be malformed, for error messages: never throws, and gives up in time. */
import type { Field, Message } from '../../src/otlp/schema.js';

export interface WireField {
  number: number;
  wireType: number;
  /** Where the content starts and stops. */
  from: number;
  stop: number;
}

/** Payloads can hold millions of fields in one message: a good error message is not worth looking at them all. */
const MAX_FIELDS = 10_000;

/** The fields up to the first that can't be read. Groups end the list. */
export function* readFields(body: Uint8Array, pos: number, end: number): Generator<WireField> {
  for (let i = 0; pos < end && i < MAX_FIELDS; i++) {
    const field = readField(body, pos, end);
    if (field === undefined) return;
    yield field;
    pos = field.stop;
  }
}

interface Varint {
  value: number;
  pos: number;
}

function readVarint(body: Uint8Array, pos: number, end: number): Varint | undefined {
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

function stopOf(wireType: number, pos: number, content: Varint | undefined): number {
  if (wireType === 1) return pos + 8;
  if (wireType === 5) return pos + 4;
  if (content === undefined || wireType > 2) return Number.POSITIVE_INFINITY;
  return wireType === 0 ? content.pos : content.pos + content.value;
}

const MAX_PATH = 12;

/** The path of the innermost field around `offset`: `resource_spans[0].scope_spans[0].spans[2].name`. */
export function locate(body: Uint8Array, request: Message, offset: number): string {
  const path: string[] = [];
  let message: Message | undefined = request;
  let around = { from: 0, stop: body.length };
  while (message !== undefined && path.length < MAX_PATH) {
    const step = find(body, message, around, offset);
    if (step === undefined) break;
    path.push(step.name);
    message = step.field.message;
    around = step;
  }
  return path.length === 0 ? request.name : path.join('.');
}

interface Step extends WireField {
  field: Field;
  name: string;
}

/** The field of `message` that holds the offset, if it is one that OTLP knows. */
function find(body: Uint8Array, message: Message, around: { from: number; stop: number }, offset: number) {
  const counts = new Map<number, number>();
  for (const wire of readFields(body, around.from, around.stop)) {
    const index = counts.get(wire.number) ?? 0;
    counts.set(wire.number, index + 1);
    if (offset > wire.stop || (offset === wire.stop && wire.stop < around.stop)) continue;
    const field = message.fields.find(({ number }) => number === wire.number);
    if (field === undefined || wire.wireType !== 2 || offset < wire.from) return undefined;
    const step: Step = { ...wire, field, name: field.repeated ? `${field.name}[${index}]` : field.name };
    return step;
  }
  return undefined;
}
