/** OTLP/HTTP, over undici. */
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Agent } from 'undici';
import { ACCEPTED_ENCODING, headerText, readAnswer } from '../answer-body.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';
import { answerOfHttp, reasonOf } from './answer.js';
import { type Destination, GATEWAY_HEADER, headersFor, isByWorkspace, userAgent } from './destination.js';
import { RenewedClient, type TlsContents } from './renewal.js';

const compress = promisify(gzip);

export interface HttpTransportOptions {
  destination: Destination;
  /** Connections at most; requests that are under way at once. */
  connections: number;
  version: string;
  /** The id of this gateway, which its own receivers refuse. */
  gatewayId?: (() => string) | undefined;
  /** How often files of certificates are looked at, at most. */
  certificateCheckMs?: number;
}

export function createHttpTransport(options: HttpTransportOptions): Transport {
  const { destination, connections, version, gatewayId } = options;
  const { url, protocol, timeoutMs, compression } = destination;
  /** Made with the first request. */
  const agent = new RenewedClient<Agent>({
    tls: destination.tls,
    make: (contents) => createAgent(destination, contents, connections),
    retire: (old) => void old.close().catch(() => {}),
    checkMs: options.certificateCheckMs,
  });

  const headersOf = (workspace: string) => ({
    ...ACCEPTED_ENCODING,
    ...headersFor(destination, workspace),
    'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
    'user-agent': userAgent(version),
    ...(gatewayId && { [GATEWAY_HEADER]: gatewayId() }),
    ...(compression === 'gzip' && { 'content-encoding': 'gzip' }),
  });

  const post = async ({ payload, workspace }: ExportRequest, signal: AbortSignal): Promise<Answer> => {
    const { request } = await import('undici');
    const body = compression === 'gzip' ? await compress(payload) : payload;
    const dispatcher = await agent.get();
    const response = await request(url, { method: 'POST', dispatcher, headers: headersOf(workspace), body, signal });
    const read = await readAnswer(response);
    return answerOfHttp({
      status: response.statusCode,
      contentType: headerText(response.headers['content-type']),
      retryAfter: headerText(response.headers['retry-after']),
      body: read,
    });
  };

  return {
    endpoint: `${url.origin}${url.pathname}`,
    byWorkspace: isByWorkspace(destination),
    // What is sent is the compressed copy. Otherwise undici may still be writing when a backend answers early.
    letsGo: compression === 'gzip',
    async send(exported, abort) {
      // Loading the client, with the first request, is no time that the backend takes.
      await import('undici');
      const timeout = new Timeout(timeoutMs, abort);
      try {
        return await post(exported, timeout.signal);
      } catch (error) {
        return { kind: 'retry', reason: failureOf(error, timeout.expired, timeoutMs) };
      } finally {
        timeout.end();
      }
    },
    async close() {
      await (await agent.take())?.destroy();
    },
  };
}

async function createAgent({ timeoutMs }: Destination, contents: TlsContents, connections: number): Promise<Agent> {
  const { Agent } = await import('undici');
  const { ca, key, cert } = contents;
  // Throws for what can't be used, which would be found out with each connection otherwise.
  if (ca ?? key ?? cert) createSecureContext(contents);
  return new Agent({
    connections,
    pipelining: 1,
    connect: { timeout: timeoutMs, ...(ca && { ca }), ...(key && { key }), ...(cert && { cert }) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
}

/** One time for the whole request, from the first byte sent to the last byte read, cut short by another signal. */
class Timeout {
  expired = false;
  readonly #controller = new AbortController();
  readonly #abort: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #giveUp = () => this.#controller.abort();

  constructor(timeoutMs: number, abort: AbortSignal) {
    this.#abort = abort;
    this.#timer = setTimeout(() => {
      this.expired = true;
      this.#giveUp();
    }, timeoutMs);
    if (abort.aborted) this.#giveUp();
    else abort.addEventListener('abort', this.#giveUp, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#abort.removeEventListener('abort', this.#giveUp);
  }
}

function failureOf(error: unknown, expired: boolean, timeoutMs: number): string {
  if (expired) return `no answer within ${timeoutMs} ms`;
  const { code, message } = error as NodeJS.ErrnoException;
  return reasonOf(code ?? 'failed', message);
}
