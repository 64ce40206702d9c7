/** Protobuf by hand, for payloads that no encoder makes. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}

export function field(number: number, wireType: number, content: Uint8Array): Buffer {
  const length = wireType === 2 ? varint(content.length) : Buffer.alloc(0);
  return Buffer.concat([varint(number * 8 + wireType), length, content]);
}

export function message(number: number, ...fields: Uint8Array[]): Buffer {
  return field(number, 2, Buffer.concat(fields));
}

export function text(number: number, content: string): Buffer {
  return field(number, 2, Buffer.from(content));
}

/** A traces request with these spans in one scope. */
export function tracesOf(...spans: Uint8Array[]): Buffer {
  return message(1, message(2, ...spans));
}

export const TRACE_ID = Buffer.from('5b8efff798038103d269b633813fc60c', 'hex');
export const SPAN_ID = Buffer.from('eee19b7ec3c1b174', 'hex');

/** A span with sound ids, and these fields behind them. */
export function span(...fields: Uint8Array[]): Buffer {
  return message(2, field(1, 2, TRACE_ID), field(2, 2, SPAN_ID), ...fields);
}
