/**
 * The Agent's own trace API: OTLP requests are encoded in a worker thread and put to `/v0.4/traces`. The answer's
 * `rate_by_service` is for clients that sample; what comes here is sampled already.
 */
import type { Agent, Dispatcher } from 'undici';
import type { TaskPool } from '../../src/component.js';
import { headerText, readAnswer } from '../answer-body.js';
import { bufferOf } from '../buffer-view.js';
import { encodedOn } from '../encoding.js';
import { answerOfHttp, reasonOf } from '../otlp/answer.js';
import { userAgent } from '../otlp/destination.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';
import type { DatadogConfig } from './config.js';
import type { EncodedTraces, TracePayload, TraceRequest } from './encode.js';
import { bracketed } from './intake.js';

/** The operation of the pool: TracePayloads in, EncodedTraces out. */
export const ENCODE_TRACES = 'datadog-traces';

export interface AgentTransportOptions {
  config: DatadogConfig;
  /** Runs `encodeTracesOrReason` as the operation ENCODE_TRACES. */
  pool: TaskPool;
  /** Connections at most. */
  connections: number;
  version: string;
}

export function createAgentTransport({ config, pool, connections, version }: AgentTransportOptions): Transport {
  const place = placeOf(config);
  const headers = headersOf(version);
  let agent: Agent | undefined;

  /** The client is loaded with the first request: it takes a start a tenth of a second. */
  const put = async (traces: TraceRequest, abort: AbortSignal): Promise<Answer> => {
    const { Agent, request } = await import('undici');
    agent ??= new Agent(optionsOf(place, connections, config.timeoutMs));
    const signal = AbortSignal.any([abort, AbortSignal.timeout(config.timeoutMs)]);
    const response = await request(place.url, {
      method: 'PUT',
      dispatcher: agent,
      headers: { ...headers, 'x-datadog-trace-count': String(traces.traces) },
      body: bufferOf(traces.body),
      signal,
    });
    return answerOf(response);
  };

  /** One after another: when one is not taken, all of them come again, and what was taken comes twice. */
  const putAll = async (requests: readonly TraceRequest[], abort: AbortSignal): Promise<Answer> => {
    for (const one of requests) {
      const answer = await put(one, abort);
      if (answer.kind !== 'accepted') return answer;
    }
    return ACCEPTED;
  };

  return {
    endpoint: place.endpoint,
    byWorkspace: false,
    async send({ signal, payload }: ExportRequest, abort) {
      if (signal !== 'traces')
        return { kind: 'refused', reason: `${signal} have no place in this API`, ofContent: false };
      try {
        const requests = await encoded(pool, payload);
        return 'kind' in requests ? requests : await putAll(requests, abort);
      } catch (error) {
        return { kind: 'retry', reason: failureOf(error, config.timeoutMs) };
      }
    },
    async close() {
      const open = agent;
      agent = undefined;
      await open?.destroy();
    },
  };
}

const ACCEPTED: Answer = { kind: 'accepted', rejected: 0, message: '' };

/** What can't be encoded now can never be. */
async function encoded(pool: TaskPool, payload: Buffer): Promise<TraceRequest[] | Answer> {
  const { requests, reason } = await encodedOn<EncodedTraces>(pool, ENCODE_TRACES, () => {
    // A copy: what is handed to a thread takes the whole range along that it is a view of.
    const copy = new Uint8Array(payload);
    const payloads: TracePayload[] = [{ encoding: 'protobuf', payload: copy }];
    return { argument: payloads, transfer: [copy.buffer] };
  });
  return requests ?? { kind: 'refused', reason, ofContent: true };
}

// ---- the request ----

interface Place {
  url: URL;
  socketPath: string | undefined;
  endpoint: string;
}

const PATH = '/v0.4/traces';

/** DD_TRACE_AGENT_URL may name a Unix socket, as it does in Kubernetes. */
function placeOf({ agentHost, agentPort, agentUrl }: DatadogConfig): Place {
  if (agentUrl?.startsWith('unix://')) {
    const socketPath = agentUrl.slice('unix://'.length);
    return { url: new URL(PATH, 'http://localhost'), socketPath, endpoint: agentUrl };
  }
  const base = new URL(agentUrl ?? `http://${bracketed(agentHost)}:${agentPort}`);
  const url = new URL(PATH, base.origin);
  return { url, socketPath: undefined, endpoint: `${url.origin}${url.pathname}` };
}

/** undefined for a Unix socket. */
export function agentUrlOf(config: DatadogConfig): URL | undefined {
  const { url, socketPath } = placeOf(config);
  return socketPath === undefined ? url : undefined;
}

function optionsOf({ socketPath }: Place, connections: number, timeoutMs: number): Agent.Options {
  return {
    connections,
    pipelining: 1,
    connect: { timeout: timeoutMs, ...(socketPath !== undefined && { socketPath }) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  };
}

function headersOf(version: string): Record<string, string> {
  return {
    'content-type': 'application/msgpack',
    'datadog-meta-lang': 'nodejs',
    'datadog-meta-lang-version': process.version,
    'datadog-meta-lang-interpreter': 'v8',
    'datadog-meta-tracer-version': version,
    // Without it the Agent answers 200 also for what it drops for its limits.
    'datadog-send-real-http-status': 'true',
    'user-agent': userAgent(version),
  };
}

async function answerOf({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> {
  const text = await readAnswer({ body, headers });
  // Rates, or `OK` from an old Agent.
  if (statusCode >= 200 && statusCode < 300) return ACCEPTED;
  const answer = answerOfHttp({
    status: statusCode,
    contentType: headerText(headers['content-type']),
    retryAfter: headerText(headers['retry-after']),
    body: text,
  });
  return answer.kind === 'refused' && isPassing(statusCode) ? { kind: 'retry', reason: answer.reason } : answer;
}

/** Other than OTLP's backends: an Agent that read too slowly answers 408, and tracers try again after any 5xx. */
function isPassing(status: number): boolean {
  return status === 408 || status >= 500;
}

function failureOf(error: unknown, timeoutMs: number): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : reasonOf(code ?? 'failed', message);
}
