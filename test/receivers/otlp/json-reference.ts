/** What the check of OTLP/JSON lets through, said over a parsed text. */
import type { Signal } from '../../../src/component.js';
import { type Json, JsonNumber, JsonObject, parseJson } from '../../../src/model/json-value.js';
import { type Field, type Message, REQUESTS } from '../../../src/otlp/schema.js';

const textOf = (body: Buffer) => body.toString('utf8').replace(/^\ufeff/, '');

/** Throws what JSON.parse throws; else the first problem that it finds, if any. */
export function validateJson(signal: Signal, body: Buffer): string | undefined {
  JSON.parse(textOf(body));
  // Unlike JSON.parse, this keeps the digits of numbers, and keys that stand twice.
  return messageProblem(parseJson(textOf(body)), REQUESTS[signal]);
}

/** Spans in a traces request. */
export function countItems(body: Buffer): number {
  let count = 0;
  const lists = (value: Record<string, unknown> | null, ...names: string[]) =>
    names.flatMap((name) => (value?.[name] ?? []) as Record<string, unknown>[]);
  for (const resource of lists(JSON.parse(textOf(body)), 'resourceSpans', 'resource_spans')) {
    for (const scope of lists(resource, 'scopeSpans', 'scope_spans')) count += lists(scope, 'spans').length;
  }
  return count;
}

function messageProblem(json: Json, message: Message): string | undefined {
  if (!(json instanceof JsonObject)) return `${message.name} is no object`;
  const seen = new Set<Field>();
  for (const [key, member] of json.entries) {
    const field = message.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (field === undefined) continue;
    if (seen.has(field)) return `${field.name} stands twice`;
    seen.add(field);
    const problem = fieldProblem(member, field);
    if (problem) return problem;
  }
  return undefined;
}

function fieldProblem(value: Json, field: Field): string | undefined {
  if (value === null) return undefined;
  if (!field.repeated) return valueProblem(value, field);
  if (!Array.isArray(value)) return `${field.name} is no list`;
  for (const element of value) {
    const problem = element === null ? undefined : valueProblem(element, field);
    if (problem) return problem;
  }
  return undefined;
}

function valueProblem(value: Json, field: Field): string | undefined {
  if (field.kind === 'message') return messageProblem(value, field.message!);
  return isScalar(value, field) ? undefined : `${JSON.stringify(value)} for ${field.name}`;
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function isScalar(value: Json, field: Field): boolean {
  if (field.kind === 'string' || field.kind === 'id') return typeof value === 'string';
  if (field.kind === 'bytes') return typeof value === 'string' && isBase64(value);
  if (field.kind === 'bool') return typeof value === 'boolean';
  if (field.kind === 'double') return isDouble(value);
  return isInteger(value, field);
}

function isDouble(value: Json): boolean {
  if (value instanceof JsonNumber) return true;
  return typeof value === 'string' && (NUMBER.test(value) || /^(NaN|-?Infinity)$/.test(value));
}

function isBase64(text: string): boolean {
  const [, content] = /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(text) ?? [];
  return content !== undefined && content.length % 4 !== 1;
}

const BITS: Record<string, [signed: boolean, bits: number]> = {
  enum: [true, 32],
  sint32: [true, 32],
  uint32: [false, 32],
  fixed32: [false, 32],
  int64: [true, 64],
  sfixed64: [true, 64],
  uint64: [false, 64],
  fixed64: [false, 64],
};

function isInteger(value: Json, field: Field): boolean {
  if (typeof value === 'string' && field.values?.has(value)) return true;
  const text = value instanceof JsonNumber ? value.text : typeof value === 'string' ? value : '';
  if (text.length > 64) return false;
  const isDigits = /^-?\d+$/.test(text);
  if (!isDigits && !(NUMBER.test(text) && Number.isSafeInteger(Number(text)))) return false;
  const number = isDigits ? BigInt(text) : BigInt(Number(text));
  const [signed, bits] = BITS[field.kind]!;
  return (signed ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number)) === number;
}
