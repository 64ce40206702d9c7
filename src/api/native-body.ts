/** Bodies of the native telemetry routes: one object, an array of them, or one a line (NDJSON). */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { BytesInFlight, OtlpHandler } from '../component.js';
import { GatewayError } from '../errors.js';
import { codingOf, leaseFor, readCompressed } from './compression.js';
import { unreadableJson } from './errors.js';
import { fieldMessages, validationError, validatorCompiler } from './validation.js';

export const MAX_BATCH_ITEMS = 1000;

/** The names that NDJSON goes by. */
export const NDJSON_TYPES: readonly string[] = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

const NATIVE_TYPES = ['application/json', ...NDJSON_TYPES];
const NO_BODY = Buffer.alloc(0);

export interface Items<Item> {
  items: Item[];
  /** The request was an array or NDJSON, of however many items. */
  batch: boolean;
}

export function mediaType(request: FastifyRequest): string {
  const type = request.headers['content-type'] ?? '';
  const end = type.indexOf(';');
  return (end === -1 ? type : type.slice(0, end)).trim().toLowerCase();
}

/** The schemas of bodies and headers in a route are for the document: their readers check them. */
const unchecked: FastifySchemaCompiler<z.ZodType> = (route) =>
  route.httpPart === 'body' || route.httpPart === 'headers'
    ? (value: unknown) => ({ value })
    : validatorCompiler(route);

/** The routes of this group take their bodies as bytes, which their handlers validate, and hash where a request asks. */
export function registerNativeBodies(app: FastifyInstance): void {
  app.setValidatorCompiler(unchecked as Parameters<typeof app.setValidatorCompiler>[0]);
  app.removeAllContentTypeParsers();
  const parsed = { parseAs: 'buffer' } as const;
  app.addContentTypeParser<Buffer>(NATIVE_TYPES, parsed, (_request, body, done) => done(null, body));
}

/** What fastify hands over for a request without a body is none. */
export function bytesOf(body: unknown): Buffer {
  return body instanceof Buffer ? body : NO_BODY;
}

/** The same for routes of telemetry, whose handlers also read the bytes: they count as in flight. */
export function registerUnreadBodies(app: FastifyInstance): void {
  app.setValidatorCompiler(unchecked as Parameters<typeof app.setValidatorCompiler>[0]);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

export interface BodyReaderOptions {
  otlp: Pick<OtlpHandler, 'readBody'>;
  inFlight: BytesInFlight;
  /** The most that a native body may hold; OTLP has a limit of its own. */
  maxNativeBytes: number;
}

/** OTLP knows no Brotli; clients of this API may use it. Whoever reads a body, it counts as in flight. */
export async function readJson(
  { otlp, inFlight, maxNativeBytes: maxBytes }: BodyReaderOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Buffer> {
  const coding = codingOf(request.raw);
  if (coding !== 'br') return otlp.readBody(request.raw, reply.raw);
  return readCompressed(request.raw, coding, { maxBytes, lease: leaseFor(inFlight, request.raw, reply.raw) });
}

/** Throws PAYLOAD_TOO_LARGE. */
export function checkNativeBytes(bytes: number, { maxNativeBytes }: BodyReaderOptions): void {
  if (bytes <= maxNativeBytes) return;
  throw new GatewayError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxNativeBytes} bytes`);
}

export function unsupportedType(supported: readonly string[]): GatewayError {
  const message = `Unsupported Content-Type; supported: ${supported.join(', ')}`;
  return new GatewayError('UNSUPPORTED_MEDIA_TYPE', message);
}

function isBodyless({ headers }: FastifyRequest): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return length === '0' && coding === undefined;
}

/** Of a route of this group. A request without a body has an empty one. */
export async function readNativeBody(
  options: BodyReaderOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Buffer> {
  if (isBodyless(request)) return NO_BODY;
  if (!NATIVE_TYPES.includes(mediaType(request))) throw unsupportedType(NATIVE_TYPES);
  checkNativeBytes(Number(request.headers['content-length'] ?? 0), options);
  const body = await readJson(options, request, reply);
  checkNativeBytes(body.length, options);
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadableJson(error);
  }
}

/** One more than allowed at most, so that whoever counts them sees it. */
function parseLines(text: string): unknown[] {
  const values: unknown[] = [];
  for (let start = 0; start < text.length && values.length <= MAX_BATCH_ITEMS; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    // A body of nothing but newlines costs no slice for each.
    const line = end === start ? '' : text.slice(start, end).trim();
    if (line !== '') values.push(parse(line));
    start = end + 1;
  }
  return values;
}

function countFault(length: number): string | undefined {
  if (length === 0) return '"value" must contain at least 1 items';
  if (length > MAX_BATCH_ITEMS) return `"value" must contain less than or equal to ${MAX_BATCH_ITEMS} items`;
  return undefined;
}

function readBatch<Schema extends z.ZodType>(schema: Schema, values: readonly unknown[]): Items<z.output<Schema>> {
  const fault = countFault(values.length);
  if (fault !== undefined) throw validationError([fault]);
  const items: z.output<Schema>[] = [];
  const faults: string[] = [];
  for (const [index, value] of values.entries()) {
    const result = schema.safeParse(value, { reportInput: true });
    if (result.success) items.push(result.data);
    else faults.push(...fieldMessages(result.error.issues, `[${index}]`));
  }
  if (faults.length > 0) throw validationError(faults);
  return { items, batch: true };
}

function readItem<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw validationError(fieldMessages(result.error.issues));
}

/** Throws BAD_REQUEST for what is not JSON, VALIDATION_FAILED with every fault of every item. */
export function readItems<Schema extends z.ZodType>(
  schema: Schema,
  body: Buffer,
  type: string,
): Items<z.output<Schema>> {
  const text = body.toString();
  if (NDJSON_TYPES.includes(type)) return readBatch(schema, parseLines(text));
  const value = parse(text);
  return Array.isArray(value) ? readBatch(schema, value) : { items: [readItem(schema, value)], batch: false };
}

/** For routes that take one object. */
export function readOne<Schema extends z.ZodType>(schema: Schema, body: Buffer): z.output<Schema> {
  return readItem(schema, parse(body.toString()));
}
