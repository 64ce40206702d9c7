/**
 * Seeded OTLP trace requests with fresh ids and times in each: a request that repeats ids would measure how duplicates
 * are recognised. One template is encoded per load; every request is a copy of it with its ids and times written over.
 */
import { opentelemetry } from '../proto/generated/otlp.js';

export type Shape = 'small' | 'genai';
export type LoadEncoding = 'protobuf' | 'json';

export interface LoadOptions {
  shape: Shape;
  /** Spans in one request. */
  spans: number;
  encoding: LoadEncoding;
  seed: number;
}

export interface Load {
  readonly spans: number;
  readonly bytes: number;
  readonly contentType: string;
  /** The next request's body: its own memory, ids never seen before. */
  next(): Buffer;
  /** Trace ids of the latest `next()`, in hex. */
  latestTraceIds(): string[];
}

const WORDS =
  'the of model answer question context retrieved document user asks summary policy refund order please explain step agent tool call result search weather tomorrow invoice latency budget token prompt version release customer'.split(
    ' ',
  );

/** sfc32: small, fast, and the same on every machine. */
export function createRandom(seed: number): () => number {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88;
  let c = 0xb7e15162 ^ seed;
  let counter = 1;
  return () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
}

const SESSIONS = 500;
const SYLLABLES = 'ba co de fi gu la me no pri qua ren sol tu ver wi'.split(' ');
const RARE_WORDS = 5000;

/** Every third word is one of some thousands, as in what people write: full text has other words in each message. */
function word(random: () => number): string {
  if (random() % 3 !== 0) return WORDS[random() % WORDS.length]!;
  const number = random() % RARE_WORDS;
  return [1, SYLLABLES.length, SYLLABLES.length ** 2]
    .map((place) => SYLLABLES[Math.floor(number / place) % SYLLABLES.length])
    .join('');
}

function prose(random: () => number, length: number): string {
  let text = '';
  while (text.length < length) text += `${word(random)} `;
  return text.slice(0, length);
}

type Attribute = { key: string; value: { stringValue?: string; intValue?: number; doubleValue?: number } };

function smallAttributes(random: () => number): Attribute[] {
  return [
    { key: 'http.request.method', value: { stringValue: 'GET' } },
    { key: 'http.response.status_code', value: { intValue: random() % 10 === 0 ? 500 : 200 } },
    { key: 'user.id', value: { stringValue: `u-${random() % 1000}` } },
  ];
}

/** One of a trace whose spans have all the same session. */
function genaiAttributes(random: () => number, trace: number): Attribute[] {
  const messages = (role: string, length: number) =>
    JSON.stringify([{ role, parts: [{ type: 'text', content: prose(random, length) }] }]);
  return [
    { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
    { key: 'gen_ai.provider.name', value: { stringValue: 'openai' } },
    { key: 'gen_ai.request.model', value: { stringValue: 'gpt-4o-mini' } },
    { key: 'gen_ai.request.temperature', value: { doubleValue: 0.7 } },
    { key: 'gen_ai.usage.input_tokens', value: { intValue: random() % 4000 } },
    { key: 'gen_ai.usage.output_tokens', value: { intValue: random() % 1000 } },
    { key: 'gen_ai.input.messages', value: { stringValue: messages('user', 500) } },
    { key: 'gen_ai.output.messages', value: { stringValue: messages('assistant', 380) } },
    { key: 'session.id', value: { stringValue: `session-${trace % SESSIONS}` } },
  ];
}

/** Marks ids in the template: found by value, so they must be unlike anything else in it. */
function marker(bytes: number, index: number): Buffer {
  const id = Buffer.alloc(bytes, 0xee);
  id.writeUInt32BE(index + 1, bytes - 4);
  return id;
}

interface SpanPlace {
  traceIndex: number;
  traceOffset: number;
  spanOffset: number;
  /** −1 for a root. */
  parentOffset: number;
  parentIndex: number;
  startOffset: number;
  endOffset: number;
}

interface Template {
  bytes: Buffer;
  places: SpanPlace[];
  traces: number;
}

/** 8 spans a trace, one root and its children, as one service's batch of an SDK holds them. */
const SPANS_PER_TRACE = 8;
const START_MARK = 0x7eee_0000_0000_0000n;
const END_MARK = 0x7fff_0000_0000_0000n;

function templateSpans({ shape, spans, seed }: LoadOptions) {
  const random = createRandom(seed);
  return Array.from({ length: spans }, (_, index) => {
    const root = index - (index % SPANS_PER_TRACE);
    return {
      traceId: marker(16, root),
      spanId: marker(8, index),
      ...(index === root ? {} : { parentSpanId: marker(8, root) }),
      name: shape === 'small' ? `GET /orders/${random() % 20}` : 'chat gpt-4o-mini',
      kind: index === root ? 2 : 3,
      start: START_MARK + BigInt(index),
      end: END_MARK + BigInt(index),
      attributes: shape === 'small' ? smallAttributes(random) : genaiAttributes(random, root / SPANS_PER_TRACE),
      status: random() % 50 === 0 ? { code: 2, message: 'deadline exceeded' } : {},
    };
  });
}

const RESOURCE: Attribute[] = [
  { key: 'service.name', value: { stringValue: 'checkout' } },
  { key: 'service.version', value: { stringValue: '1.4.2' } },
  { key: 'telemetry.sdk.language', value: { stringValue: 'nodejs' } },
];

function encodeProtobuf(spans: ReturnType<typeof templateSpans>): Buffer {
  const { ExportTraceServiceRequest } = opentelemetry.proto.collector.trace.v1;
  const long = (value: bigint) => ({
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: true,
  });
  const message = {
    resourceSpans: [
      {
        resource: { attributes: RESOURCE },
        scopeSpans: [
          {
            scope: { name: 'bench', version: '1.0.0' },
            spans: spans.map(({ start, end, ...span }) => ({
              ...span,
              startTimeUnixNano: long(start),
              endTimeUnixNano: long(end),
            })),
          },
        ],
      },
    ],
  };
  return Buffer.from(ExportTraceServiceRequest.encode(message as never).finish());
}

function encodeJson(spans: ReturnType<typeof templateSpans>): Buffer {
  const hex = (id: Buffer | undefined) => id?.toString('hex');
  const attribute = ({ key, value }: Attribute) => ({
    key,
    value: value.intValue === undefined ? value : { intValue: String(value.intValue) },
  });
  const text = JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: RESOURCE },
        scopeSpans: [
          {
            scope: { name: 'bench', version: '1.0.0' },
            spans: spans.map(({ traceId, spanId, start, end, attributes, ...span }) => ({
              ...span,
              traceId: hex(traceId),
              spanId: hex(spanId),
              parentSpanId: hex((span as { parentSpanId?: Buffer }).parentSpanId),
              startTimeUnixNano: String(start),
              endTimeUnixNano: String(end),
              attributes: attributes.map(attribute),
            })),
          },
        ],
      },
    ],
  });
  return Buffer.from(text);
}

function fixed64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function place(bytes: Buffer, needle: Buffer, from: number): number {
  const offset = bytes.indexOf(needle, from);
  if (offset < 0) throw new Error('The template does not hold what was put into it');
  return offset;
}

/** Finds where each id and time stands. A trace id's marker may end like a span id's, so each span is searched in order. */
function locate(bytes: Buffer, spans: ReturnType<typeof templateSpans>, encoding: LoadEncoding): Template {
  const id = (value: Buffer) => (encoding === 'protobuf' ? value : Buffer.from(`"${value.toString('hex')}"`));
  const time = (value: bigint) => (encoding === 'protobuf' ? fixed64(value) : Buffer.from(`"${value}"`));
  const quote = encoding === 'protobuf' ? 0 : 1;
  let from = 0;
  const places = spans.map((span, index) => {
    const startOffset = place(bytes, time(span.start), from);
    const endOffset = place(bytes, time(span.end), from);
    // Protobuf writes ids before the times, JSON after or before: search a window around this span only.
    const traceOffset = place(bytes, id(span.traceId), from);
    const spanOffset =
      encoding === 'protobuf' ? place(bytes, id(span.spanId), traceOffset + 16) : place(bytes, id(span.spanId), from);
    const parent = (span as { parentSpanId?: Buffer }).parentSpanId;
    const parentOffset = parent
      ? encoding === 'protobuf'
        ? place(bytes, id(parent), spanOffset + 8)
        : place(bytes, id(parent), from)
      : -1;
    from = Math.max(startOffset, endOffset, traceOffset, spanOffset, parentOffset) + 8;
    const root = index - (index % SPANS_PER_TRACE);
    return {
      traceIndex: root / SPANS_PER_TRACE,
      traceOffset: traceOffset + quote,
      spanOffset: spanOffset + quote,
      parentOffset: parentOffset < 0 ? -1 : parentOffset + quote,
      parentIndex: root,
      startOffset: startOffset + quote,
      endOffset: endOffset + quote,
    };
  });
  return { bytes, places, traces: Math.ceil(spans.length / SPANS_PER_TRACE) };
}

const HEX = Buffer.from('0123456789abcdef');

function writeHex(target: Buffer, offset: number, word: number): void {
  for (let digit = 7; digit >= 0; digit--) {
    target[offset + digit] = HEX[word & 15]!;
    word >>>= 4;
  }
}

/** Writes 32-bit words as bytes, or as hex digits. */
function writeWords(
  target: Buffer,
  offset: number,
  words: Uint32Array,
  from: number,
  count: number,
  hex: boolean,
): void {
  for (let index = 0; index < count; index++) {
    const word = words[from + index]!;
    if (hex) writeHex(target, offset + index * 8, word);
    else target.writeUInt32LE(word, offset + index * 4);
  }
}

export function createLoad(options: LoadOptions): Load {
  const { encoding, spans: count } = options;
  const spans = templateSpans(options);
  const encoded = encoding === 'protobuf' ? encodeProtobuf(spans) : encodeJson(spans);
  const { bytes, places, traces } = locate(encoded, spans, encoding);
  const random = createRandom(options.seed ^ (Date.now() | 0));
  const hex = encoding === 'json';
  const traceWords = new Uint32Array(traces * 4);
  const spanWords = new Uint32Array(count * 2);

  const writeTime = (target: Buffer, offset: number, time: bigint) => {
    if (hex) target.write(time.toString(), offset, 'latin1');
    else target.writeBigUInt64LE(time, offset);
  };
  const next = (): Buffer => {
    const body = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(body);
    for (let index = 0; index < traceWords.length; index++) traceWords[index] = random();
    for (let index = 0; index < spanWords.length; index++) spanWords[index] = random();
    const now = BigInt(Date.now()) * 1_000_000n;
    for (let index = 0; index < count; index++) {
      const at = places[index]!;
      writeWords(body, at.traceOffset, traceWords, at.traceIndex * 4, 4, hex);
      writeWords(body, at.spanOffset, spanWords, index * 2, 2, hex);
      if (at.parentOffset >= 0) writeWords(body, at.parentOffset, spanWords, at.parentIndex * 2, 2, hex);
      const start = now + BigInt(index) * 1000n;
      writeTime(body, at.startOffset, start);
      writeTime(body, at.endOffset, start + 2_000_000n);
    }
    return body;
  };
  const latestTraceIds = () =>
    Array.from({ length: traces }, (_, index) => {
      const id = Buffer.alloc(hex ? 32 : 16);
      writeWords(id, 0, traceWords, index * 4, 4, hex);
      return hex ? id.toString('latin1') : id.toString('hex');
    });
  return {
    spans: count,
    bytes: bytes.length,
    contentType: encoding === 'protobuf' ? 'application/x-protobuf' : 'application/json',
    next,
    latestTraceIds,
  };
}
