/**
 * A server that speaks as much of S3 as the prompt registry uses: objects with metadata, conditional writes, listings in
 * pages, signatures that are checked. Faults are asked for, request by request.
 */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface S3Object {
  body: Buffer;
  metadata: Record<string, string>;
  lastModified: Date;
}

export interface S3Request {
  method: string;
  /** Of the object; '' for the bucket. */
  key: string;
  query: URLSearchParams;
}

export type S3Fault =
  | { answer: number; code: string; headers?: Record<string, string> }
  /** Answers late, and otherwise as always. */
  | { slowMs: number }
  /** The connection ends: before anything is done, behind it, or in the middle of the answer's body. */
  | { drop: 'before' | 'behind' | 'midway' };

export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** By key: to look at, and to change by hand. */
  readonly objects: Map<string, S3Object>;
  /** Every request that came, refused ones too. */
  readonly requests: S3Request[];
  /** Past every client. */
  put(key: string, text: string, metadata?: Record<string, string>): void;
  /** The next `times` requests that match have the fault. */
  inject(fault: S3Fault, matching?: (request: S3Request) => boolean, times?: number): void;
  /** Nobody listens any longer. */
  stop(): Promise<void>;
  /** On the same port, with the same objects. */
  start(): Promise<void>;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }
}

interface Injected {
  fault: S3Fault;
  matching: (request: S3Request) => boolean;
  left: number;
}

const BUCKET = 'prompts-test';
const REGION = 'us-east-1';
const ACCESS_KEY = 'TESTACCESSKEY';
const SECRET_KEY = 'test/secret/key';
const MAX_KEYS = 1_000;
/** S3 User Guide, "User-defined object metadata". */
const MAX_METADATA_BYTES = 2_048;
const MAX_KEY_BYTES = 1_024;
const METADATA = 'x-amz-meta-';

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const xml = (text: string) =>
  text.replaceAll(/[&<>"]/g, (at) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[at]!);
const etagOf = ({ body }: S3Object) => `"${createHash('md5').update(body).digest('hex')}"`;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** Amazon's "Authenticating Requests: Using the Authorization Header". */
function checkSignature(request: IncomingMessage, body: Buffer): void {
  const { headers, method } = request;
  const found = AUTHORIZATION.exec(headers.authorization ?? '');
  if (!found) throw new Refusal(403, 'AccessDenied');
  const [, accessKey, date, region, signed, signature] = found as unknown as string[];
  if (accessKey !== ACCESS_KEY) throw new Refusal(403, 'InvalidAccessKeyId');
  if (region !== REGION) throw new Refusal(400, 'AuthorizationHeaderMalformed');
  const payload = String(headers['x-amz-content-sha256']);
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) throw new Refusal(400, 'XAmzContentSHA256Mismatch');
  const [path, query = ''] = request.url!.split('?');
  const sorted = query.split('&').filter(Boolean).sort();
  const lines = signed!.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`);
  const canonical = [method, path, sorted.join('&'), lines.join(''), signed, payload].join('\n');
  const scope = `${date}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = [region!, 's3', 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${SECRET_KEY}`, date!));
  if (hmac(key, toSign).toString('hex') !== signature) throw new Refusal(403, 'SignatureDoesNotMatch');
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(METADATA));
  const metadata = Object.fromEntries(entries.map(([name, value]) => [name.slice(METADATA.length), String(value)]));
  const bytes = Buffer.byteLength(Object.entries(metadata).flat().join(''));
  if (bytes > MAX_METADATA_BYTES) throw new Refusal(400, 'MetadataTooLarge');
  return metadata;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer | string;
}

function refused({ status, code, headers }: Pick<Answer, 'status'> & { code: string; headers?: object }): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}.</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
}

class Store {
  readonly objects = new Map<string, S3Object>();
  private lastMs = 0;

  put(key: string, body: Buffer, metadata: Record<string, string>): S3Object {
    // No two at the same time: listings tell them in the order in which they came.
    this.lastMs = Math.max(Date.now(), this.lastMs + 1);
    const object = { body, metadata, lastModified: new Date(this.lastMs) };
    this.objects.set(key, object);
    return object;
  }

  answer(request: IncomingMessage, { method, key, query }: S3Request, body: Buffer): Answer {
    if (key === '' && method === 'GET' && query.get('list-type') === '2') return this.list(query);
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new Refusal(400, 'KeyTooLongError');
    if (method === 'PUT') return this.write(request, key, body);
    if (method === 'GET' || method === 'HEAD') return this.read(key);
    throw new Refusal(501, 'NotImplemented');
  }

  private write(request: IncomingMessage, key: string, body: Buffer): Answer {
    const condition = request.headers['if-none-match'];
    if (condition !== undefined && condition !== '*') throw new Refusal(501, 'NotImplemented');
    if (condition === '*' && this.objects.has(key)) throw new Refusal(412, 'PreconditionFailed');
    const object = this.put(key, body, metadataOf(request));
    return { status: 200, headers: { etag: etagOf(object) }, body: '' };
  }

  private read(key: string): Answer {
    const object = this.objects.get(key);
    if (!object) throw new Refusal(404, 'NoSuchKey');
    const metadata = Object.entries(object.metadata).map(([name, value]) => [METADATA + name, value]);
    const headers = { etag: etagOf(object), 'last-modified': object.lastModified.toUTCString() };
    return { status: 200, headers: { ...headers, ...Object.fromEntries(metadata) }, body: object.body };
  }

  private list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const after = Buffer.from(query.get('continuation-token') ?? '', 'base64url').toString();
    const max = Math.min(Number(query.get('max-keys') ?? MAX_KEYS), MAX_KEYS);
    const keys = [...this.objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const groups = groupsOf(keys, prefix, query.get('delimiter') ?? '').filter(({ name }) => name > after);
    return { status: 200, headers: { 'content-type': 'application/xml' }, body: this.page(groups, max) };
  }

  private page(groups: Group[], max: number): string {
    const page = groups.slice(0, max);
    const truncated = page.length < groups.length && max > 0;
    const next = Buffer.from(page.at(-1)?.name ?? '').toString('base64url');
    return [
      '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
      `<Name>${BUCKET}</Name><MaxKeys>${max}</MaxKeys><KeyCount>${page.length}</KeyCount>`,
      `<IsTruncated>${truncated}</IsTruncated>`,
      truncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
      ...page.map((group) => this.entry(group)),
      '</ListBucketResult>',
    ].join('');
  }

  private entry({ name, common }: Group): string {
    if (common) return `<CommonPrefixes><Prefix>${xml(name)}</Prefix></CommonPrefixes>`;
    const object = this.objects.get(name)!;
    const facts = `<LastModified>${object.lastModified.toISOString()}</LastModified><Size>${object.body.length}</Size>`;
    return `<Contents><Key>${xml(name)}</Key><ETag>${xml(etagOf(object))}</ETag>${facts}</Contents>`;
  }
}

interface Group {
  name: string;
  common: boolean;
}

function groupsOf(keys: readonly string[], prefix: string, delimiter: string): Group[] {
  const groups = new Map<string, Group>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = end === -1 ? key : key.slice(0, end + delimiter.length);
    groups.set(name, { name, common: end !== -1 });
  }
  return [...groups.values()];
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer, midway: boolean): void {
  const { status, headers, body } = answer;
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, 'content-length': String(bytes.length) });
  if (request.method === 'HEAD') response.end();
  else if (!midway) response.end(bytes);
  else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
}

export async function startS3(): Promise<S3Server> {
  const store = new Store();
  const requests: S3Request[] = [];
  const faults: Injected[] = [];

  const faultFor = (request: S3Request): S3Fault | undefined => {
    const injected = faults.find(({ left, matching }) => left > 0 && matching(request));
    if (injected) injected.left--;
    return injected?.fault;
  };
  const judge = (request: IncomingMessage, parsed: S3Request, bucket: string, body: Buffer): Answer => {
    try {
      checkSignature(request, body);
      if (bucket !== BUCKET) throw new Refusal(404, 'NoSuchBucket');
      return store.answer(request, parsed, body);
    } catch (error) {
      if (error instanceof Refusal) return refused(error);
      throw error;
    }
  };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url!, 'http://localhost');
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const parsed = { method: request.method!, key: rest.join('/'), query: url.searchParams };
    const body = await bodyOf(request);
    requests.push(parsed);
    const fault = faultFor(parsed);
    const drop = fault && 'drop' in fault ? fault.drop : undefined;
    if (fault && 'slowMs' in fault) await sleep(fault.slowMs);
    if (drop === 'before') return void response.destroy();
    const answer =
      fault && 'answer' in fault ? refused({ status: fault.answer, ...fault }) : judge(request, parsed, bucket, body);
    if (drop === 'behind') return void response.destroy();
    send(request, response, answer, drop === 'midway');
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  let port = 0;
  const start = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  };
  await start();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: BUCKET,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    objects: store.objects,
    requests,
    put: (key, text, metadata = {}) => void store.put(key, Buffer.from(text), metadata),
    inject: (fault, matching = () => true, times = 1) => void faults.push({ fault, matching, left: times }),
    start,
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
