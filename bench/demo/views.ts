/** One line of curl for each view, with ids of what was just sent. */
import type { SpanIds } from './application.js';
import type { Examples } from './setting.js';

export interface View {
  about: string;
  path: string;
}

const HOUR_MS = 3_600_000;

export function generationId({ traceId, spanId }: SpanIds): string {
  return `${traceId}-${spanId}`;
}

export function viewsOf(
  { fromEvents, cached, agent, unpriced, sessionId, userId }: Examples,
  nowUnixMs: number,
): View[] {
  const from = new Date(nowUnixMs - 25 * HOUR_MS).toISOString();
  const ofSpan = (ids: SpanIds | undefined) => (ids === undefined ? '' : generationId(ids));
  return [
    { about: 'calls of models, tools and agents, newest first', path: '/v1/generations?limit=5' },
    { about: 'those above a cent', path: '/v1/generations?min_cost_usd=0.01&limit=5' },
    { about: 'those that failed', path: '/v1/generations?error=true&limit=5' },
    { about: 'found by words of what was said', path: '/v1/generations?search=zip+tent&include=messages&limit=2' },
    {
      about: 'one whose messages came as log events, in other requests',
      path: `/v1/generations/${ofSpan(fromEvents)}`,
    },
    { about: 'its trace', path: `/v1/traces/${fromEvents?.traceId ?? ''}` },
    { about: 'a cost, line by line: the cache has a price of its own', path: `/v1/spans/${ofSpan(cached)}/cost` },
    { about: 'no price is known: unpriced, which is not zero', path: `/v1/spans/${ofSpan(unpriced)}/cost` },
    {
      about: 'the calls of one agent; its own span repeats their sum and is not counted',
      path: `/v1/generations?trace_id=${agent?.traceId ?? ''}&order=asc`,
    },
    { about: 'sessions, the latest active first', path: '/v1/sessions?limit=5' },
    { about: 'one session, with its traces', path: `/v1/sessions/${sessionId ?? ''}` },
    { about: 'users', path: '/v1/users?limit=5' },
    { about: 'what one of them asked', path: `/v1/generations?user_id=${userId ?? ''}&limit=5` },
    {
      about: 'usage and cost by model, of the whole day',
      path: `/v1/metrics/usage?group_by=provider,model&series=false&from=${from}`,
    },
    { about: 'usage and cost by hour', path: `/v1/metrics/usage?step=hour&from=${from}` },
    { about: 'by day: requests, tokens, cost, percentiles', path: '/v1/metrics/time-series?window=7d' },
    { about: 'by prompt and version', path: '/v1/metrics/prompts?window=7d' },
    { about: 'models that nobody has a price for', path: '/v1/prices/unpriced?window=7d' },
  ];
}

export function curlOf(apiUrl: string, { path }: View): string {
  return `curl -sS -H "X-API-Key: $PROMPTMETRICS_API_KEY" '${apiUrl}${path}'`;
}
