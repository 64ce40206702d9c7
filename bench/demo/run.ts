/**
 * `npm run demo`: a day of traffic of several applications, each told of by another instrumentation, sent over OTLP to where
 * OTEL_EXPORTER_OTLP_ENDPOINT says, then one line of curl for each view. The day is the same in every run, its ids are fresh.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, type ApiState, lookAtApi, registerPrompts, requestApi, sendLogs } from './api.js';
import type { Application, Sent } from './application.js';
import { recordContracts } from './apps/contracts.js';
import { recordHandbook } from './apps/handbook.js';
import { recordKnowledge } from './apps/knowledge.js';
import { recordResearch } from './apps/research.js';
import { recordSummaries } from './apps/summaries.js';
import { recordSupport } from './apps/support.js';
import { recordTrips } from './apps/trips.js';
import { createChance } from './chance.js';
import { createDay } from './day.js';
import { otlpEndpoint, probeOtlp } from './endpoint.js';
import type { Examples, Setting } from './setting.js';
import { curlOf, generationId, viewsOf } from './views.js';

const SEED = 20_261_121;
const USERS =
  'amira bjorn chloe davide elif finn greta hugo ines jonas kemal lena marta nils olga pavel quirin rosa'.split(' ');

const APPLICATIONS: readonly { about: string; record: (setting: Setting) => Application[] }[] = [
  { about: 'chat assistant        OpenTelemetry (Node), content as log events', record: recordSupport },
  { about: 'handbook              OpenTelemetry (Python), content on the span', record: recordHandbook },
  { about: 'search in manuals     OpenInference', record: recordKnowledge },
  { about: 'planner of trips      Vercel AI SDK, as JSON', record: recordTrips },
  { about: 'on-call agent         OpenTelemetry (Python), one event a call', record: recordResearch },
  { about: 'nightly summaries     OpenLLMetry', record: recordSummaries },
  { about: 'review of contracts   Langfuse', record: recordContracts },
];

const say = (line: string) => process.stdout.write(`${line}\n`);
const column = (number: number) => number.toLocaleString('en').padStart(6);

/** One application after the other, as each is a process of its own. */
async function sendDay(setting: Omit<Setting, 'chance' | 'day'>, nowUnixMs: number): Promise<number> {
  let spans = 0;
  say(' spans   logs  requests');
  for (const [at, { about, record }] of APPLICATIONS.entries()) {
    const chance = createChance(SEED + at);
    const applications = record({ ...setting, chance, day: createDay(chance, nowUnixMs) });
    const sent: Sent[] = [];
    for (const application of applications) sent.push(await application.send());
    const sum = (of: keyof Sent) => sent.reduce((all, one) => all + one[of], 0);
    say(`${column(sum('spans'))} ${column(sum('logRecords'))}  ${column(sum('requests'))}   ${about}`);
    spans += sum('spans');
  }
  return spans;
}

const TRIES = 150;

/** An answer of OTLP says that it is on disk; its rows are read a moment later. */
async function untilReadable(api: Api, { unpriced }: Examples): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await requestApi(api, `/v1/generations/${generationId(unpriced!)}`);
    if (answer.ok) return;
    await sleep(100);
  }
  throw new Error('What was sent can still not be read: look at /health/deep');
}

const MISSING: Record<Exclude<ApiState, 'ready'>, string> = {
  'needs a key':
    'refuses requests without a key of scope "write": export PROMPTMETRICS_API_KEY=pm_… (the first start of the gateway prints one)',
  'not there': 'does not answer: PROMPTMETRICS_URL says where it is',
};

async function run(): Promise<void> {
  const { PROMPTMETRICS_URL = 'http://localhost:3000', PROMPTMETRICS_API_KEY: key } = process.env;
  const api: Api = { url: PROMPTMETRICS_URL.replace(/\/$/, ''), key };
  await probeOtlp();
  const state = await lookAtApi(api);
  if (state === 'ready') say(`${await registerPrompts(api)} versions of prompts registered at ${api.url}`);
  else say(`No prompts and no native logs: the API at ${api.url} ${MISSING[state]}`);

  const examples: Examples = {};
  const nowUnixMs = Date.now();
  const spans = await sendDay({ run: randomBytes(3).toString('hex'), users: USERS, examples }, nowUnixMs);
  if (state === 'ready') {
    say(`     – ${column(await sendLogs(api, createChance(SEED)))}         1   welcome mails         POST /v1/logs`);
    await untilReadable(api, examples);
  }
  say(`\n${spans.toLocaleString('en')} spans of the last 24 hours sent to ${otlpEndpoint()}. To look at:`);
  for (const view of viewsOf(examples, nowUnixMs)) say(`\n# ${view.about}\n${curlOf(api.url, view)}`);
}

run().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
