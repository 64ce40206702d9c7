/** Bodies for the native API with fresh ids and times in each, as an SDK of an LLM application would send them. */
import { randomUUID } from 'node:crypto';

export interface NativeCall {
  path: string;
  body: Buffer;
}

export interface NativeLoad {
  /** Spans or logs in one request. */
  readonly items: number;
  /** Bytes of a typical body. */
  readonly bytes: number;
  next(): NativeCall;
  /** Ids of traces that requests went to, the newest last. */
  readonly traceIds: readonly string[];
}

const MODELS = ['gpt-4o-mini', 'claude-sonnet-4', 'gemini-2.5-flash', 'llama-3.3-70b'];
const SPANS_PER_TRACE = 10;
const REMEMBERED_TRACES = 1000;

function spanOf(number: number): Record<string, unknown> {
  const endTime = Date.now();
  return {
    span_id: randomUUID(),
    name: number % 3 === 0 ? 'retrieve' : 'chat',
    status: number % 50 === 0 ? 'error' : 'ok',
    start_time: endTime - (number % 900),
    end_time: endTime,
    metadata: {
      model: MODELS[number % 4],
      tokens_in: number % 4000,
      tokens_out: number % 900,
      'user.id': `u-${number % 1000}`,
    },
  };
}

/** One span a request, or a batch of them; ten spans, or one batch, to a trace. */
export function createSpanLoad(items: number): NativeLoad {
  const traceIds: string[] = [];
  let sent = 0;
  const next = (): NativeCall => {
    if (sent % Math.max(SPANS_PER_TRACE, items) === 0 || items > 1) traceIds.push(randomUUID());
    if (traceIds.length > REMEMBERED_TRACES) traceIds.shift();
    const spans = Array.from({ length: items }, () => spanOf(sent++));
    const body = Buffer.from(JSON.stringify(items === 1 ? spans[0] : spans));
    return { path: `/v1/traces/${traceIds.at(-1)}/spans`, body };
  };
  const bytes = next().body.length;
  return { items, bytes, next, traceIds };
}

function logOf(number: number): Record<string, unknown> {
  return {
    prompt_name: `prompt-${number % 40}`,
    version_tag: `1.${number % 7}.0`,
    provider: 'openai',
    model: MODELS[number % 4],
    tokens_in: number % 4000,
    tokens_out: number % 900,
    latency_ms: number % 3000,
    cost_usd: (number % 400) / 100_000,
    metadata: { 'user.id': `u-${number % 1000}`, feature: 'chat' },
  };
}

export function createLogLoad(items: number): NativeLoad {
  let sent = 0;
  const next = (): NativeCall => {
    const logs = Array.from({ length: items }, () => logOf(sent++));
    return { path: '/v1/logs', body: Buffer.from(JSON.stringify(items === 1 ? logs[0] : logs)) };
  };
  return { items, bytes: next().body.length, next, traceIds: [] };
}
