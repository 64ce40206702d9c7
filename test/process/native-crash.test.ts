/**
 * Changes through the native API, in both halves of the store, while the gateway is killed: after each restart a change
 * that was acknowledged is there, one that was not is there or isn't, and the audit log has one row for each that is.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const KILLS = 6;
const CONNECTIONS = 12;

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

/** One request that changes something, known in the audit log by its request id. */
interface Step {
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  /** Whether what it changes can be seen; throws when it can be seen in part, or twice. */
  seen(): Promise<boolean>;
}

/** What one client does to one thing, step after step, until it is through or a step is not answered. */
interface Story {
  steps: Step[];
  requestIds: string[];
  /** Steps that were answered with success. */
  acknowledged: number;
  /** The step after those was sent, and not answered. */
  interrupted: boolean;
  keyed: boolean;
}

class Clients {
  api = '';
  readonly stories: Story[] = [];
  readonly faults: string[] = [];
  private stopped = false;
  private running: Promise<void>[] = [];

  start(api: string): void {
    this.api = api;
    this.stopped = false;
    this.running = Array.from({ length: CONNECTIONS }, () => this.run());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  /** The requests that were not answered, once more. Those without a key could be done twice: they are left alone. */
  async resume(api: string): Promise<void> {
    this.api = api;
    const cut = this.stories.filter(({ interrupted, keyed }) => interrupted && keyed);
    for (let tries = 0; tries < 3; tries++) {
      await Promise.all(cut.filter(({ interrupted }) => interrupted).map((story) => this.take(story)));
    }
    for (const { interrupted, steps, acknowledged } of cut) {
      if (interrupted) this.faults.push(`${describeStep(steps[acknowledged]!)} has no answer when it is sent again`);
    }
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const story = this.begin();
      const steps = 1 + Math.floor(Math.random() * story.steps.length);
      while (!this.stopped && story.acknowledged < steps && !story.interrupted) await this.take(story);
    }
  }

  private begin(): Story {
    const number = this.stories.length;
    const steps = this.plots[number % this.plots.length]!(`n${number}`);
    const story = {
      steps,
      requestIds: steps.map(() => randomUUID()),
      acknowledged: 0,
      interrupted: false,
      keyed: false,
    };
    story.keyed = steps[0]!.path !== '/v1/api-keys' && Math.random() < 0.6;
    this.stories.push(story);
    return story;
  }

  private async take(story: Story): Promise<void> {
    const step = story.steps[story.acknowledged]!;
    story.interrupted = true;
    const response = await this.send(step, story.requestIds[story.acknowledged]!, story.keyed).catch(() => undefined);
    if (response === undefined || response.status >= 500) return;
    if (!response.ok) this.faults.push(`${describeStep(step)} is answered ${response.status}: ${response.text}`);
    story.interrupted = false;
    story.acknowledged++;
  }

  private async send({ method, path, body }: Step, requestId: string, keyed: boolean) {
    const response = await fetch(`${this.api}${path}`, {
      method,
      headers: {
        'x-request-id': requestId,
        ...(keyed && { 'idempotency-key': requestId }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, ok: response.ok, text: await response.text() };
  }

  private readonly plots: ((name: string) => Step[])[] = [
    (name) => [this.log(name)],
    (name) => this.trace(name),
    (name) => [this.logs(name)],
    (name) => this.execution(name),
    () => [this.spans()],
    (name) => this.trace(name),
    (name) => [this.apiKey(name)],
  ];

  private log(name: string): Step {
    const seen = () => this.hasAll(`/v1/logs?prompt_name=${name}`, 1);
    return { method: 'POST', path: '/v1/logs', body: { prompt_name: name, version_tag: '1' }, seen };
  }

  private logs(name: string): Step {
    const body = Array.from({ length: 3 }, () => ({ prompt_name: name, version_tag: '1' }));
    return { method: 'POST', path: '/v1/logs', body, seen: () => this.hasAll(`/v1/logs?prompt_name=${name}`, 3) };
  }

  private spans(): Step {
    const traceId = randomUUID();
    const body = [1, 2].map((n) => ({ trace_id: traceId, span_id: randomUUID(), name: `span ${n}` }));
    return { method: 'POST', path: '/v1/spans', body, seen: () => this.hasAll(`/v1/traces/${traceId}/spans`, 2) };
  }

  private trace(name: string): Step[] {
    const traceId = randomUUID();
    const spanId = randomUUID();
    const trace = `/v1/traces/${traceId}`;
    const spans = `${trace}/spans`;
    const span = `${spans}/${spanId}`;
    const declaration = { trace_id: traceId, prompt_name: name };
    return [
      { method: 'POST', path: '/v1/traces', body: declaration, seen: () => this.has(trace, { prompt_name: name }) },
      { method: 'POST', path: spans, body: { span_id: spanId, name }, seen: () => this.has(span, { span_id: spanId }) },
      { method: 'PATCH', path: span, body: { status: 'ok' }, seen: () => this.has(span, { status: 'ok' }) },
      { method: 'DELETE', path: trace, seen: () => this.lacks(trace) },
    ];
  }

  /** Of the control half. */
  private execution(name: string): Step[] {
    const runId = randomUUID();
    const run = `/v1/runs/${runId}`;
    const body = { run_id: runId, workflow_name: name };
    const done = { status: 'completed' };
    return [
      { method: 'POST', path: '/v1/runs', body, seen: () => this.has(run, { run_id: runId }) },
      { method: 'PATCH', path: run, body: done, seen: () => this.has(run, done) },
      { method: 'DELETE', path: run, seen: () => this.lacks(run) },
    ];
  }

  /** Which nobody is told twice: it takes no idempotency key. */
  private apiKey(name: string): Step {
    const seen = () => this.hasAll(`/v1/api-keys?name=${name}`, 1);
    return { method: 'POST', path: '/v1/api-keys', body: { name, scopes: 'read' }, seen };
  }

  /** A machine that stands still for seconds makes a database late: that is no fault of what is looked for here. */
  private async get(path: string, tries = 5): Promise<Record<string, unknown> | undefined> {
    const response = await fetch(`${this.api}${path}`);
    const body = (await response.json()) as Record<string, unknown>;
    if (response.status === 503 && tries > 1) return this.get(path, tries - 1);
    if (!response.ok && response.status !== 404) throw new Error(`GET ${path} answered ${response.status}`);
    return response.ok ? body : undefined;
  }

  private async has(path: string, members: Record<string, unknown>): Promise<boolean> {
    const body = await this.get(path);
    return body !== undefined && Object.entries(members).every(([name, value]) => body[name] === value);
  }

  private async lacks(path: string): Promise<boolean> {
    return (await this.get(path)) === undefined;
  }

  private async hasAll(path: string, count: number): Promise<boolean> {
    const total = (await this.get(path))?.total ?? 0;
    if (total !== 0 && total !== count) throw new Error(`${path} has ${total} instead of none or ${count}`);
    return total === count;
  }
}

function describeStep({ method, path }: Step): string {
  return `${method} ${path}`;
}

/** Resolves when the buffer is empty: deletions and declarations are frames without items. */
async function untilReleased(api: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const metrics = await (await fetch(`${api}/metrics`)).text();
    const lag = /^promptmetrics_buffer_consumer_lag_frames\{[^}]*consumer="store"[^}]*\} (\S+)$/m.exec(metrics);
    if (lag && Number(lag[1]) === 0) return;
    await sleep(20);
  }
  throw new Error('The store has not caught up');
}

/** Rows of the audit log by the id of their request; what the gateway does of itself has none. */
async function auditRows(api: string): Promise<Map<string, number>> {
  const lines = await (await fetch(`${api}/v1/audit-logs?format=ndjson`)).text();
  const rows = new Map<string, number>();
  for (const line of lines.split('\n')) {
    const id = line === '' ? null : (JSON.parse(line) as { request_id: string | null }).request_id;
    if (id !== null) rows.set(id, (rows.get(id) ?? 0) + 1);
  }
  return rows;
}

/** What is wrong with one story. */
async function faultsOf(story: Story, rows: Map<string, number>): Promise<string[]> {
  const { steps, requestIds, acknowledged, interrupted } = story;
  const sent = steps.slice(0, acknowledged + (interrupted ? 1 : 0));
  const last = sent.at(-1);
  // Of what was deleted, no earlier step can be seen any more.
  const deleted = last?.method === 'DELETE' && (await last.seen());
  const faults: string[] = [];
  for (const [index, step] of sent.entries()) {
    const audited = rows.get(requestIds[index]!) ?? 0;
    const seen = deleted || (await step.seen());
    const told = `${describeStep(step)}${story.keyed ? ' (with a key)' : ''}`;
    if (index < acknowledged && !seen) faults.push(`${told} was acknowledged, and can't be seen`);
    if (audited !== (seen ? 1 : 0)) faults.push(`${told} is ${seen ? '' : 'not '}there and has ${audited} audit rows`);
  }
  return faults;
}

/** What is wrong with these stories, and with rows of the audit log that are of none at all. */
async function check(clients: Clients, stories: readonly Story[]): Promise<string[]> {
  const rows = await auditRows(clients.api);
  const known = new Set(clients.stories.flatMap(({ requestIds }) => requestIds));
  const strange = [...rows.keys()].filter((id) => !known.has(id));
  const faults = strange.map((id) => `An audit row tells of ${id}, which nobody asked for`);
  const waiting = stories.values();
  const look = async () => {
    for (const story of waiting) faults.push(...(await faultsOf(story, rows)));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, look));
  return [...clients.faults, ...faults];
}

const engines: [string, boolean, () => Promise<Record<string, string>>][] = [
  ['SQLite', false, async () => ({})],
  ['Postgres', !postgres, async () => ({ DATABASE_URL: await postgres!.createDatabase() })],
];

for (const [engine, skipped, environment] of engines) {
  describe.skipIf(skipped)(`a gateway on ${engine} that is killed`, () => {
    it(`${KILLS} times has every acknowledged change, each with one audit row, and no row without its change`, {
      timeout: 120_000,
    }, async () => {
      const dataDirectory = temporaryDirectory();
      const settings = await environment();
      const start = (round: number): Promise<GatewayProcess> =>
        startGateway({ dataDirectory, env: { ...settings, WORKERS: String(1 + (round % 2)) } });
      const clients = new Clients();
      let gateway = await start(0);
      for (let round = 1; round <= KILLS; round++) {
        const first = clients.stories.length;
        clients.start(gateway.api);
        await sleep(150 + Math.random() * 200);
        await gateway.kill();
        await clients.stop();
        gateway = await start(round);
        await clients.resume(gateway.api);
        await untilReleased(gateway.api);
        expect([round, await check(clients, clients.stories.slice(first))]).toEqual([round, []]);
        expect(await getJson(`${gateway.api}/v1/audit-logs/verify`)).toMatchObject({ ok: true });
      }
      expect(await check(clients, clients.stories)).toEqual([]);
      const acknowledged = clients.stories.reduce((sum, story) => sum + story.acknowledged, 0);
      expect(acknowledged).toBeGreaterThan(KILLS * CONNECTIONS);
      expect(await gateway.stop()).toBe(0);
    });
  });
}
