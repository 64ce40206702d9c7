/**
 * An agent that looks into incidents (Python, OpenTelemetry's current conventions, content as events): a reasoning model,
 * tools, and the sum of all on the agent's own span, which no sum of the gateway has a second time.
 */
import { type Context, SpanKind } from '@opentelemetry/api';
import { Application, idsOf, type Scope } from '../application.js';
import { type Call, callOf, MODELS, type Turn, toolUse } from '../call.js';
import { withDetailsEvent } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const SYSTEM =
  'You are on call. Find the likely cause of the alert with the tools, one after the other, and stop when you have a cause or no idea left. Change nothing.';

const ALERTS = [
  {
    alert: 'checkout: p99 latency 4.1 s for 10 minutes',
    tools: [
      [
        'query_metrics',
        { query: 'histogram_quantile(0.99, checkout_duration_seconds)' },
        'rises at 09:42 from 0.6 to 4.1, only in eu-west-1b',
      ],
      [
        'read_logs',
        { service: 'checkout', zone: 'eu-west-1b', level: 'warn' },
        '412 times "connection pool exhausted, waited 3000 ms"',
      ],
      ['list_deploys', { service: 'checkout', hours: 2 }, '09:40 checkout 7.12.0 (pool size 50 → 5)'],
    ],
    cause:
      'The deploy of 09:40 (checkout 7.12.0) set the pool of database connections from 50 to 5, and requests in eu-west-1b wait for one. Roll back to 7.11.3, or set DB_POOL_SIZE=50.',
  },
  {
    alert: 'search: error rate 6 %',
    tools: [
      ['read_logs', { service: 'search', level: 'error' }, '"circuit breaker open: embeddings"'],
      ['query_metrics', { query: 'sum by (code) (rate(embeddings_requests_total[5m]))' }, '429: 38/s since 13:05'],
    ],
    cause:
      'The provider of embeddings answers 429 since 13:05: the nightly re-index was started by hand at noon and uses up the limit. Stop it, or give it a key of its own.',
  },
  {
    alert: 'mail: queue older than 20 minutes',
    tools: [
      ['query_metrics', { query: 'mail_queue_oldest_seconds' }, 'grows one second a second since 07:58'],
      ['list_deploys', { service: 'mail', hours: 12 }, 'none'],
      [
        'read_logs',
        { service: 'mail', level: 'error' },
        '"x509: certificate has expired" for smtp.internal, since 07:58',
      ],
    ],
    cause:
      'The certificate of smtp.internal expired at 07:58, and every delivery fails on it. Renew it; the queue empties by itself.',
  },
] as const;

const AGENT: Scope = { name: 'opentelemetry.instrumentation.agents', version: '0.4.0' };
const INCIDENTS = 46;

interface Incident {
  app: Application;
  own: Record<string, string>;
  parent: Context;
}

function executeTool({ chance }: Setting, { app, own, parent }: Incident, turn: Turn, startMs: number): number {
  const { tool, text } = turn;
  const attributes = {
    ...own,
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': tool!.name,
    'gen_ai.tool.call.id': tool!.id,
    'gen_ai.tool.call.arguments': JSON.stringify(tool!.arguments),
    'gen_ai.tool.call.result': text,
  };
  const work = { scope: AGENT, name: `execute_tool ${tool!.name}`, attributes, parent, startMs };
  return app.record(work, () => ({ endMs: startMs + chance.spread(640) }));
}

function investigate(
  setting: Setting,
  incident: Incident,
  { alert, tools, cause }: (typeof ALERTS)[number],
  startMs: number,
) {
  const { chance } = setting;
  const turns: Turn[] = [{ role: 'user', text: alert }];
  const calls: Call[] = [];
  let atMs = startMs;
  const think = (answer: Turn) => {
    const reasoning = chance.between(3, 14) * 64;
    const call = callOf(chance, {
      model: MODELS.reasoner,
      system: SYSTEM,
      turns: [...turns],
      answer,
      reasoning,
      mayFail: false,
    });
    calls.push(call);
    atMs = withDetailsEvent(incident.own)(incident.app, call, { parent: incident.parent, startMs: atMs + 2 }).endMs;
  };
  for (const [name, values, text] of tools) {
    const asks: Turn = { role: 'assistant', text: '', tool: toolUse(name, values) };
    think(asks);
    turns.push(asks, { role: 'tool', text, tool: asks.tool! });
    atMs = executeTool(setting, incident, turns.at(-1)!, atMs + 1);
  }
  think({ role: 'assistant', text: cause });
  return { calls, endMs: atMs };
}

export function recordResearch(setting: Setting): Application[] {
  const { chance, day, run, examples } = setting;
  const app = new Application({
    service: 'on-call-agent',
    version: '0.3.0',
    environment: 'production',
    language: 'python',
  });
  for (let at = 0; at < INCIDENTS; at++) {
    const own = { 'gen_ai.agent.name': 'first-responder', 'gen_ai.conversation.id': `incident-${run}-${at}` };
    const attributes = {
      ...own,
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': MODELS.reasoner.name,
    };
    const startMs = day.visit();
    app.record(
      { scope: AGENT, name: 'invoke_agent first-responder', kind: SpanKind.INTERNAL, attributes, startMs },
      (parent) => {
        const { calls, endMs } = investigate(setting, { app, own, parent }, chance.pick(ALERTS), startMs);
        examples.agent = idsOf(parent);
        const sum = (type: 'input' | 'output') => calls.reduce((all, { usage }) => all + usage[type], 0);
        const sums = { 'gen_ai.usage.input_tokens': sum('input'), 'gen_ai.usage.output_tokens': sum('output') };
        return { endMs: endMs + 1, attributes: sums };
      },
    );
  }
  return [app];
}
