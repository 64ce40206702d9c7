/**
 * Keep-alive connections that each send one request after another: HTTP/1.1 over plain sockets, because a client that
 * parses and builds every message takes a third of the processor time of the server that it would measure.
 */
import { connect, type Socket } from 'node:net';

export interface RawRequest {
  method: 'GET' | 'POST';
  path: string;
  body?: Buffer;
}

export interface ClientOptions {
  baseUrl: string;
  connections: number;
  headers: Record<string, string>;
  next(): RawRequest;
  until: { seconds: number } | { requests: number };
  /** The status that means success; any 2xx when it is absent. */
  expected?: number;
}

export interface ClientResult {
  requests: number;
  seconds: number;
  /** Answers other than success. */
  refused: number;
  latencyMs: { p50: number; p99: number };
}

const HEAD_END = '\r\n\r\n';
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i;

/** The status, once the answer is whole: every answer of this API to these requests has a Content-Length. */
function statusOf(received: Buffer): number | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  // RFC 9112 §6.3: nothing ever follows the head of a 304.
  if (head.startsWith('HTTP/1.1 304')) return 304;
  const length = CONTENT_LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error(`An answer without a length: ${head}`);
  return received.length >= headEnd + HEAD_END.length + Number(length) ? Number(head.slice(9, 12)) : undefined;
}

function encode({ method, path, body }: RawRequest, fixed: string): (string | Buffer)[] {
  const head = `${method} ${path} HTTP/1.1\r\n${fixed}`;
  return body ? [`${head}content-length: ${body.length}${HEAD_END}`, body] : [`${head}\r\n`];
}

class Connection {
  private received: Buffer | undefined;
  private sentAt = 0;

  constructor(
    private readonly socket: Socket,
    private readonly next: () => RawRequest | undefined,
    private readonly answered: (status: number, durationMs: number) => void,
    private readonly fixed: string,
  ) {}

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const send = () => {
        const request = this.next();
        if (!request) return void this.socket.end(resolve);
        this.sentAt = performance.now();
        this.socket.cork();
        for (const piece of encode(request, this.fixed)) this.socket.write(piece);
        this.socket.uncork();
      };
      this.socket.on('data', (chunk: Buffer) => {
        this.received = this.received ? Buffer.concat([this.received, chunk]) : chunk;
        const status = statusOf(this.received);
        if (status === undefined) return;
        this.received = undefined;
        this.answered(status, performance.now() - this.sentAt);
        send();
      });
      this.socket.on('error', reject).on('connect', send);
    });
  }
}

export async function runClient({
  baseUrl,
  connections,
  headers,
  next,
  until,
  expected,
}: ClientOptions): Promise<ClientResult> {
  const { hostname, port } = new URL(baseUrl);
  const fixed = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const latencies: number[] = [];
  let refused = 0;
  let sent = 0;
  const started = performance.now();
  const isOver = () =>
    'seconds' in until ? performance.now() - started >= until.seconds * 1000 : sent >= until.requests;
  const nextUntilOver = () => {
    if (isOver()) return undefined;
    sent++;
    return next();
  };
  const answered = (status: number, durationMs: number) => {
    latencies.push(durationMs);
    if (expected === undefined ? status < 200 || status > 299 : status !== expected) refused++;
  };
  const open = () => new Connection(connect(Number(port), hostname), nextUntilOver, answered, fixed.join('')).run();
  await Promise.all(Array.from({ length: connections }, open));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { requests: latencies.length, seconds, refused, latencyMs: { p50: quantile(0.5), p99: quantile(0.99) } };
}
