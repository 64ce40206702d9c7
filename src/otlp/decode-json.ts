/**
 * OTLP/JSON as protobuf. Takes what the check of JSON requests lets through (receivers/otlp/check-json.ts), and throws an
 * Error for what it can't read.
 */
import type { Signal } from '../component.js';
import { inRange, parseDouble, parseInteger } from './json-scalar.js';
import { type Field, type Message, messages, REQUESTS } from './schema.js';
import { FIXED_64, LENGTH_DELIMITED, WIRE_TYPES } from './wire-types.js';
import { WireWriter } from './wire-writer.js';

/** Fields of each message, by both spellings of their names. */
const fieldsByName = new Map<Message, Map<string, Field>>(
  messages.map((message) => [
    message,
    new Map(message.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const])),
  ]),
);

const writer = new WireWriter();

/** The result is a view that the next call overwrites. */
export function toProtobuf(signal: Signal, payload: Buffer): Buffer {
  writer.reset();
  writeMessage(parse(payload), REQUESTS[signal]);
  return writer.finish();
}

// ---- text ----

/** Integers that JSON.parse might round: 16 digits or more, outside of quotes. */
const LONG_INTEGER = /[:,[\s-]\d{16}/;

function parse(payload: Buffer): unknown {
  const text = payload.toString('utf8');
  const isMarked = text.charCodeAt(0) === 0xfeff;
  if (LONG_INTEGER.test(text)) return JSON.parse(quoteLongIntegers(isMarked ? text.slice(1) : text));
  return JSON.parse(isMarked ? text.slice(1) : text);
}

/** JSON text with its long integers as strings, which OTLP/JSON takes wherever it takes a number. */
function quoteLongIntegers(text: string): string {
  const pieces: string[] = [];
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = endOfString(text, i);
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const stop = endOfNumber(text, i);
      if (stop - i >= 16 && isInteger(text, i, stop)) {
        pieces.push(text.slice(copied, i), '"', text.slice(i, stop), '"');
        copied = stop;
      }
      i = stop - 1;
    }
  }
  return pieces.join('') + text.slice(copied);
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1;
  return end;
}

function endOfNumber(text: string, start: number): number {
  let end = start;
  while (end < text.length && '+-.eE0123456789'.includes(text[end]!)) end += 1;
  return end;
}

function isInteger(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x30 || code > 0x39) && !(code === 0x2d && i === start)) return false;
  }
  return true;
}

// ---- messages ----

function writeMessage(value: unknown, message: Message): void {
  if (value === null) return;
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${message.name} is not an object`);
  const fields = fieldsByName.get(message)!;
  for (const name in value) {
    const field = fields.get(name);
    if (field !== undefined) writeField((value as Record<string, unknown>)[name], field);
  }
}

/** `null` stands for the default: as a field it is left out, as an element of a list it is there. */
function writeField(value: unknown, field: Field): void {
  if (value === null) return;
  if (!field.repeated) writeSingle(value, field);
  else if (Array.isArray(value)) for (const element of value) writeSingle(element ?? defaultOf(field), field);
  else throw new Error(`${field.jsonName} is not a list`);
}

function defaultOf(field: Field): unknown {
  if (field.kind === 'message') return {};
  return field.kind === 'string' ? '' : 0;
}

function writeSingle(value: unknown, field: Field): void {
  writer.varint(field.number * 8 + WIRE_TYPES[field.kind]);
  if (field.message !== undefined) {
    const start = writer.open();
    writeMessage(value, field.message);
    writer.close(start);
  } else if (typeof value === 'string') writeString(value, field);
  else if (typeof value === 'number') writeNumber(value, field);
  else if (typeof value === 'boolean' && field.kind === 'bool') writer.varint(value ? 1 : 0);
  else throw mismatch(field);
}

function mismatch(field: Field): Error {
  return new Error(`${field.jsonName} is not of kind ${field.kind}`);
}

function writeString(value: string, field: Field): void {
  if (field.kind === 'string') writer.string(value);
  else if (field.kind === 'id') writer.bytes(fromHex(value));
  else if (field.kind === 'bytes') writer.bytes(Buffer.from(value, 'base64'));
  else if (field.kind === 'double') writer.double(parseDouble(value) ?? fail(field));
  else writeInteger(namedValue(value, field) ?? parseInteger(value) ?? fail(field), field);
}

function fail(field: Field): never {
  throw mismatch(field);
}

function namedValue(value: string, field: Field): bigint | undefined {
  const number = field.values?.get(value);
  return number === undefined ? undefined : BigInt(number);
}

function writeNumber(value: number, field: Field): void {
  if (field.kind === 'double') writer.double(value);
  else if (Number.isSafeInteger(value)) writeInteger(BigInt(value), field);
  else throw mismatch(field);
}

function writeInteger(value: bigint, field: Field): void {
  if (!(WIRE_TYPES[field.kind] !== LENGTH_DELIMITED && field.kind !== 'bool') || !inRange(field.kind, value))
    fail(field);
  if (field.kind === 'fixed32') writer.fixed32(Number(value));
  else if (field.kind === 'sint32') writer.varint(zigZag(Number(value)));
  else if (WIRE_TYPES[field.kind] === FIXED_64) writer.fixed64(value);
  else writer.varint64(value);
}

function zigZag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** Of a length that no id has. */
const UNUSABLE_ID = Buffer.alloc(1);
const HEX = /^(?:[0-9a-fA-F]{2})*$/;

/** What is not hex is no id: the protobuf decoder leaves it out, or the span that it belongs to. */
function fromHex(text: string): Buffer {
  return HEX.test(text) ? Buffer.from(text, 'hex') : UNUSABLE_ID;
}
