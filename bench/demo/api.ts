/** The REST API, where it can be reached: prompts of the registry, and calls that are told of as JSON. */
import { HANDBOOK_SYSTEM } from './apps/handbook.js';
import { KNOWLEDGE_TEMPLATE } from './apps/knowledge.js';
import { SUPPORT_SYSTEM } from './apps/support.js';
import type { Chance } from './chance.js';

export interface Api {
  url: string;
  /** Undefined where nobody asks for one, or nobody gave one. */
  key: string | undefined;
}

export async function requestApi({ url, key }: Api, path: string, body?: unknown): Promise<Response> {
  return fetch(`${url}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json', ...(key !== undefined && { 'x-api-key': key }) },
  });
}

export type ApiState = 'ready' | 'needs a key' | 'not there';

export async function lookAtApi(api: Api): Promise<ApiState> {
  const answer = await requestApi(api, '/v1/prompts?limit=1').catch(() => undefined);
  if (!answer) return 'not there';
  return answer.ok ? 'ready' : 'needs a key';
}

const PROMPTS = [
  { name: 'support/assistant', version: '1.0.0', text: SUPPORT_SYSTEM, next: '{{question}}' },
  { name: 'handbook/answer', version: '1.0.0', text: HANDBOOK_SYSTEM, next: '{{question}}' },
  {
    name: 'handbook/answer',
    version: '1.1.0',
    text: HANDBOOK_SYSTEM.replace('two sentences', 'one sentence'),
    next: '{{question}}',
  },
  { name: 'manual-search', version: '3.1.0', text: KNOWLEDGE_TEMPLATE, next: '{{question}}' },
  {
    name: 'night/summary',
    version: '1.0.0',
    text: 'Summarise the report of a field technician in two sentences.',
    next: '{{report}}',
  },
  {
    name: 'welcome-mail',
    version: '1.0.0',
    text: 'Write a warm welcome of at most five sentences.',
    next: '{{name}} has just signed up.',
  },
  {
    name: 'welcome-mail',
    version: '1.1.0',
    text: 'Write a warm welcome of three sentences, without exclamation marks.',
    next: '{{name}} has just signed up.',
  },
];

/** How many were new; those of an earlier run are there already. */
export async function registerPrompts(api: Api): Promise<number> {
  let made = 0;
  for (const { name, version, text, next } of PROMPTS) {
    const messages = [
      { role: 'system', content: text },
      { role: 'user', content: next },
    ];
    const known = await requestApi(api, `/v1/prompts/${encodeURIComponent(name)}?version=${version}&render=false`);
    if (known.ok) continue;
    const answer = await requestApi(api, '/v1/prompts', { name, version, messages });
    if (!answer.ok) throw new Error(`POST /v1/prompts answered ${answer.status}: ${await answer.text()}`);
    made++;
  }
  return made;
}

const MAILS = 140;

/** A log has the time at which it comes: these are all of now. */
export async function sendLogs(api: Api, chance: Chance): Promise<number> {
  const logs = Array.from({ length: MAILS }, () => {
    const failed = chance.happens(0.03);
    const [tokens_in, tokens_out] = [chance.between(90, 160), failed ? 0 : chance.between(60, 190)];
    return {
      prompt_name: 'welcome-mail',
      version_tag: chance.pick(['1.0.0', '1.1.0', '1.1.0']),
      provider: 'openai',
      model: 'gpt-4o-mini',
      ...{ tokens_in, tokens_out, latency_ms: Math.round(chance.spread(1400)) },
      cost_usd: Number((tokens_in * 15e-8 + tokens_out * 6e-7).toFixed(8)),
      metadata: { campaign: chance.pick(['autumn', 'newsletter', 'referral']) },
      ...(failed && { status: 'error', error_code: '429' }),
    };
  });
  const answer = await requestApi(api, '/v1/logs', logs);
  if (!answer.ok) throw new Error(`POST /v1/logs answered ${answer.status}: ${await answer.text()}`);
  return MAILS;
}
