/** Attributes on protobuf's wire: from values as JSON.parse gives them, and from stored ones. */
import type { TypedValue } from '../../src/model/json-value.js';
import { type Attribute, isInteger } from '../../src/model/native-metadata.js';
import type { WireWriter } from '../../src/otlp/wire-writer.js';

/** A length-delimited field; 0x0a is field 1, 0x12 field 2, … */
export function putMessage(writer: WireWriter, tag: number, putContent: () => void): void {
  writer.varint(tag);
  const start = writer.open();
  putContent();
  writer.close(start);
}

/** proto3 leaves out what is empty. */
export function putString(writer: WireWriter, tag: number, text: string): void {
  if (text === '') return;
  writer.varint(tag);
  writer.string(text);
}

/** A list of KeyValues; `tag` is that of the list. */
export function putAttributes(writer: WireWriter, tag: number, attributes: readonly Attribute[]): void {
  for (const [key, value] of attributes) {
    if (value === undefined) continue;
    const start = openKeyValue(writer, tag, key);
    const valueStart = writer.open();
    putValue(writer, value);
    writer.close(valueStart);
    writer.close(start);
  }
}

function openKeyValue(writer: WireWriter, tag: number, key: string): number {
  writer.varint(tag);
  const start = writer.open();
  putString(writer, 0x0a, key);
  writer.varint(0x12);
  return start;
}

/** The content of an AnyValue; null is one that is empty. */
function putValue(writer: WireWriter, value: unknown): void {
  if (typeof value === 'string') putText(writer, value);
  else if (typeof value === 'number') putNumber(writer, value);
  else if (typeof value === 'boolean') putBool(writer, value);
  else if (Array.isArray(value)) putList(writer, value, putValue);
  else if (typeof value === 'object' && value !== null) {
    putMessage(writer, 0x32, () => putAttributes(writer, 0x0a, Object.entries(value)));
  }
}

/** An empty string is a value, unlike an empty field. */
function putText(writer: WireWriter, value: string): void {
  writer.varint(0x0a);
  writer.string(value);
}

function putBool(writer: WireWriter, value: boolean): void {
  writer.varint(0x10);
  writer.varint(value ? 1 : 0);
}

function putNumber(writer: WireWriter, value: number): void {
  if (!isInteger(value)) putDouble(writer, value);
  else {
    writer.varint(0x18);
    if (value >= 0 && value <= 0xffffffff) writer.varint(value);
    else writer.varint64(BigInt(value));
  }
}

function putDouble(writer: WireWriter, value: number): void {
  writer.varint(0x21);
  writer.double(value);
}

function putList<Value>(
  writer: WireWriter,
  values: readonly Value[],
  putElement: (writer: WireWriter, value: Value) => void,
): void {
  putMessage(writer, 0x2a, () => {
    for (const value of values) putMessage(writer, 0x0a, () => putElement(writer, value));
  });
}

/** As `putAttributes`, of stored values. */
export function putTypedAttributes(
  writer: WireWriter,
  tag: number,
  attributes: readonly (readonly [string, TypedValue])[],
): void {
  for (const [key, value] of attributes) {
    const start = openKeyValue(writer, tag, key);
    const valueStart = writer.open();
    putTypedValue(writer, value);
    writer.close(valueStart);
    writer.close(start);
  }
}

function putTypedValue(writer: WireWriter, value: TypedValue): void {
  switch (value.kind) {
    case 'empty':
      break;
    case 'string':
      putText(writer, value.value);
      break;
    case 'bool':
      putBool(writer, value.value);
      break;
    case 'int':
      writer.varint(0x18);
      writer.varint64(value.value);
      break;
    case 'double':
      putDouble(writer, value.value);
      break;
    case 'bytes':
      writer.varint(0x3a);
      writer.bytes(Buffer.from(value.value, 'base64'));
      break;
    case 'array':
      putList(writer, value.values, putTypedValue);
      break;
    case 'kvlist':
      putMessage(writer, 0x32, () => putTypedAttributes(writer, 0x0a, value.entries));
  }
}
