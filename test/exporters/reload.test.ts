import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createExporters, type Exporters, type Reconciled } from '../../exporters/exporters.js';
import { nopTailSamplingEvents } from '../../exporters/tail-sampling/events.js';
import { createTailSamplers } from '../../exporters/tail-sampling/samplers.js';
import { drain, range, type TestBuffer, temporaryDirectory, testBuffer } from '../buffer/fixture.js';
import { configOf } from '../config-file/fixture.js';
import { type Backend, type HttpAnswers, startHttpBackend } from '../helpers/otlp-backend.js';
import { appendSpans, idsOf, recordedEvents, spanId, transcode, until } from './fixture.js';
import { spanIdOf, spansFrame, threadlessPool } from './tail-sampling/fixture.js';

const ENV = { EXPORTER_RETRY_INITIAL_MS: '2', EXPORTER_RETRY_MAX_MS: '10', EXPORTER_LINGER_MS: '0' };
const DEADLINE = { deadlineMs: 5000 };
const MAX_BYTES = 4 * 2 ** 20;

interface Setting {
  /** id → settings, as they stand in the file. */
  exporters: Record<string, string>;
  /** Of the pipeline of traces. */
  processors?: Record<string, string>;
  /** Further pipelines. */
  pipelines?: string;
  env?: Record<string, string>;
}

function settingsOf({ exporters, processors = {}, pipelines = '', env = {} }: Setting) {
  const listed = (map: Record<string, string>) => Object.entries(map).map(([id, settings]) => `  ${id}: ${settings}`);
  const names = (map: Record<string, string>, ...more: string[]) => `[${[...more, ...Object.keys(map)].join(', ')}]`;
  const yaml = [
    'receivers: {otlp: }',
    'processors:',
    ...listed(processors),
    'exporters:',
    ...listed(exporters),
    'service:',
    '  pipelines:',
    `    traces: {receivers: [otlp], processors: ${names(processors)}, exporters: ${names(exporters, 'store')}}`,
    pipelines,
  ];
  return configOf(yaml.join('\n'), { ...ENV, ...env });
}

const to = ({ address }: Backend<HttpAnswers>, more = '') =>
  `{endpoint: "http://${address}", compression: none${more}}`;

async function backend(): Promise<Backend<HttpAnswers>> {
  const started = await startHttpBackend();
  onTestFinished(() => started.close());
  return started;
}

interface Test {
  buffer: TestBuffer;
  exporters: Exporters;
  outcomes: Reconciled[];
  reload(setting: Setting): Promise<Reconciled | undefined>;
  /** What comes after is stored at once: exporters alone hold something in the buffer. */
  storeAll(): void;
}

async function startWith(setting: Setting): Promise<Test> {
  const directory = await temporaryDirectory();
  const buffer = testBuffer({ directory: path.join(directory, 'buffer'), settings: { maxBytes: String(MAX_BYTES) } });
  const store = buffer.consumer('store');
  const { events } = recordedEvents();
  const outcomes: Reconciled[] = [];
  const config = settingsOf(setting);
  const pool = threadlessPool();
  const sampling = createTailSamplers({
    service: config.service,
    buffer,
    bufferMaxBytes: MAX_BYTES,
    maxWaitingBytes: () => MAX_BYTES / 4,
    directory: path.join(directory, 'verdicts'),
    pool,
    neededFrom: () => exporters.persistedCursor(),
    events: nopTailSamplingEvents,
  });
  const exporters: Exporters = createExporters({
    config,
    buffer,
    bufferMaxBytes: MAX_BYTES,
    pool,
    doors: [{ host: '127.0.0.1', port: 9 }],
    version: '1.2.3',
    sampling,
    toProtobuf: transcode,
    bury: async () => {},
    advise() {},
    reconciled: (outcome) => void outcomes.push(outcome),
    events,
  });
  await buffer.start();
  await exporters.start();
  await sampling.start();
  onTestFinished(async () => {
    await sampling.shutdown(DEADLINE);
    await exporters.shutdown({ deadlineMs: 0 });
    await buffer.shutdown(DEADLINE);
    pool.forget();
  });
  return {
    buffer,
    exporters,
    outcomes,
    async reload(next) {
      await exporters.reload(settingsOf(next), DEADLINE);
      return outcomes.at(-1);
    },
    storeAll: () => void drain(store),
  };
}

const sentAll = ({ exporters }: Test) =>
  until(() => Object.values(exporters.states()).every(({ lag }) => lag.frames === 0), 'the end of the lag');
const ids = (numbers: readonly number[]) => numbers.map(spanId);

it('an exporter that is the same goes on with the request that is under way, and is not asked to repeat it', async () => {
  const [same, other] = [await backend(), await backend()];
  let answer = () => {};
  const answered = new Promise<undefined>((resolve) => {
    answer = () => resolve(undefined);
  });
  same.answer(() => answered);
  const test = await startWith({ exporters: { 'otlp_http/same': to(same), 'otlp_http/other': to(other) } });
  await appendSpans(test.buffer, [1]);
  await until(() => same.requests.length === 1);
  const outcome = await test.reload({
    // Its keys in another order, and a default that is said.
    exporters: {
      'otlp_http/same': `{timeout: 30s, compression: none, endpoint: "http://${same.address}"}`,
      'otlp_http/other': to(other, ', headers: {x-a: b}'),
    },
  });
  expect(outcome).toEqual({ added: [], changed: ['otlp_http_other'], removed: [], unchanged: ['otlp_http_same'] });
  expect(test.exporters.states().otlp_http_same).toMatchObject({ inFlight: 1 });
  answer();
  await sentAll(test);
  expect(same.requests).toHaveLength(1);
  expect(idsOf(same.taken)).toEqual(ids([1]));
});

it('one that has changed goes on at its cursor with what it is now, also in its secrets alone', async () => {
  const first = await backend();
  const test = await startWith({ exporters: { otlp_http: to(first, ', headers: {authorization: one}') } });
  await appendSpans(test.buffer, range(1, 5));
  await sentAll(test);
  const outcome = await test.reload({ exporters: { otlp_http: to(first, ', headers: {authorization: two}') } });
  expect(outcome?.changed).toEqual(['otlp_http']);
  await appendSpans(test.buffer, range(6, 9));
  await sentAll(test);
  expect(idsOf(first.taken).sort()).toEqual(ids(range(1, 9)));
  const keys = first.taken.map(({ headers, body }) => [headers.authorization, body.includes('span 9')]);
  expect(keys.at(-1)![0]).toBe('two');
  expect(keys[0]![0]).toBe('one');
});

it('what a backend that is down has not taken goes where the exporter sends to now', async () => {
  const [down, up] = [await backend(), await backend()];
  down.answer(() => ({ status: 503 }));
  const test = await startWith({ exporters: { otlp_http: to(down) } });
  await appendSpans(test.buffer, range(1, 9));
  await until(() => down.requests.length > 1);
  await test.reload({ exporters: { otlp_http: to(up) } });
  await sentAll(test);
  expect(idsOf(up.taken).sort()).toEqual(ids(range(1, 9)));
});

it('one that never answers is given up at the deadline, and what it did not take is sent again', async () => {
  const slow = await backend();
  slow.answer(() => 'hang');
  const test = await startWith({ exporters: { otlp_http: to(slow) } });
  await appendSpans(test.buffer, [1]);
  await until(() => slow.requests.length === 1);
  slow.answer(() => undefined);
  await test.exporters.reload(settingsOf({ exporters: { otlp_http: to(slow, ', timeout: 31s') } }), { deadlineMs: 5 });
  await sentAll(test);
  expect(idsOf(slow.taken)).toEqual(ids([1]));
});

it('one that is new begins with the oldest that is there, or with the next, as its setting says', async () => {
  const [first, oldest, now] = [await backend(), await backend(), await backend()];
  const test = await startWith({ exporters: { 'otlp_http/first': to(first) } });
  await appendSpans(test.buffer, range(1, 3));
  await sentAll(test);
  const exporters = {
    'otlp_http/first': to(first),
    'otlp_http/oldest': to(oldest),
    'otlp_http/now': to(now, ', start_at: now'),
  };
  const outcome = await test.reload({ exporters });
  expect(outcome?.added).toEqual(['otlp_http_oldest', 'otlp_http_now']);
  expect(test.exporters.names).toEqual(['otlp_http_first', 'otlp_http_oldest', 'otlp_http_now']);
  await appendSpans(test.buffer, [4]);
  await sentAll(test);
  expect(idsOf(oldest.taken).sort()).toEqual(ids(range(1, 4)));
  expect(idsOf(now.taken)).toEqual(ids([4]));
});

it('one that is gone holds nothing in the buffer any more, and dead letters for it have nowhere to go', async () => {
  const [stays, dead] = [await backend(), await backend()];
  dead.answer(() => ({ status: 503 }));
  const test = await startWith({ exporters: { 'otlp_http/stays': to(stays), 'otlp_http/dead': to(dead) } });
  await appendSpans(test.buffer, range(1, 9), 1000);
  test.storeAll();
  await until(() => test.exporters.states().otlp_http_stays?.lag.frames === 0);
  expect(test.buffer.stats().bytes).toBeGreaterThan(9000);
  const outcome = await test.reload({ exporters: { 'otlp_http/stays': to(stays) } });
  expect(outcome).toMatchObject({ removed: ['otlp_http_dead'], unchanged: ['otlp_http_stays'] });
  expect(Object.keys(test.exporters.states())).toEqual(['otlp_http_stays']);
  expect(Object.keys(test.buffer.progress()).sort()).toEqual(['otlp_http_stays', 'store']);
  expect(test.buffer.stats().bytes).toBe(0);
  const frame = { ...spansFrame([{ trace: 1, span: 1 }]), sequence: 1 };
  await expect(test.exporters.resend('otlp_http_dead', frame)).rejects.toMatchObject({ code: 'CONFLICT' });
  await test.exporters.resend('otlp_http_stays', frame);
  expect(idsOf(stays.taken)).toContain(spanIdOf(1));
});

it('one that is given another name sends what it had not sent under its old one', async () => {
  const renamed = await backend();
  renamed.answer(() => ({ status: 503 }));
  const test = await startWith({ exporters: { 'otlp_http/old': to(renamed) } });
  await appendSpans(test.buffer, range(1, 5));
  test.storeAll();
  await until(() => renamed.requests.length > 0);
  renamed.answer(() => undefined);
  await test.reload({ exporters: { 'otlp_http/new': to(renamed) } });
  await sentAll(test);
  expect([...new Set(idsOf(renamed.taken))].sort()).toEqual(ids(range(1, 5)));
});

it.each([
  [
    'two pipelines to one exporter that disagree',
    { pipelines: '    traces/b: {receivers: [otlp], processors: [filter], exporters: [otlp_http/a]}' },
    'lead to one exporter of traces',
  ],
  ['an exporter to this very gateway', { env: { TEMPO_ENDPOINT: 'http://127.0.0.1:9' } }, 'to this gateway itself'],
])('%s change nothing', async (_what, fault: Partial<Setting>, message) => {
  const a = await backend();
  const filter = '{spans: {include: {services: [x]}}}';
  const test = await startWith({ exporters: { 'otlp_http/a': to(a) } });
  const processors = fault.pipelines ? { filter, 'filter/b': filter } : {};
  const wrong = settingsOf({ exporters: { 'otlp_http/a': to(a), 'otlp_http/b': to(a) }, processors, ...fault });
  await expect(test.exporters.check(wrong)).rejects.toThrow(message);
  await expect(test.exporters.reload(wrong, DEADLINE)).rejects.toThrow(message);
  expect(test.exporters.names).toEqual(['otlp_http_a']);
  expect(Object.keys(test.buffer.progress()).sort()).toEqual(['otlp_http_a', 'store']);
  await appendSpans(test.buffer, [1]);
  await sentAll(test);
  expect(idsOf(a.taken)).toEqual(ids([1]));
});

it('a shutdown in the middle of one leaves what was not sent to the next start', async () => {
  const slow = await backend();
  slow.answer(() => 'hang');
  const test = await startWith({ exporters: { otlp_http: to(slow) } });
  await appendSpans(test.buffer, [1]);
  await until(() => slow.requests.length === 1);
  const reloading = test.exporters.reload(
    settingsOf({ exporters: { otlp_http: to(slow, ', timeout: 1m') } }),
    DEADLINE,
  );
  const refused = expect(reloading).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await sleep(0);
  await test.exporters.shutdown({ deadlineMs: 1 });
  await refused;
  expect(test.exporters.states().otlp_http?.lag.frames).toBe(1);
  expect(test.outcomes).toEqual([]);
});

it('under load, whatever changes, each acknowledged span reaches each backend that stays, and none twice that is the same', async () => {
  const [same, changing, coming] = [await backend(), await backend(), await backend()];
  let refusals = 0;
  changing.answer(async () => (refusals++ % 5 === 4 ? { status: 503 } : undefined));
  const settings = (round: number): Setting => ({
    exporters: {
      'otlp_http/same': to(same),
      'otlp_http/changing': to(changing, `, headers: {x-round: "${round}"}, max_request_items: ${20 + round}`),
      ...(round % 2 === 1 && { 'otlp_http/coming': to(coming, ', start_at: now') }),
    },
  });
  const test = await startWith(settings(0));
  let isOver = false;
  const acknowledged: number[] = [];
  const load = async (first: number) => {
    for (let number = first; !isOver; number += 4) {
      await test.buffer.append(spansFrame([{ trace: number, span: number }]));
      acknowledged.push(number);
      if (acknowledged.length % 32 === 0) test.storeAll();
    }
  };
  const loads = range(0, 3).map(load);
  for (const round of range(1, 6)) {
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 20);
    await test.reload(settings(round));
  }
  isOver = true;
  await Promise.all(loads);
  await sentAll(test);
  const sent = acknowledged.map(spanIdOf).sort();
  expect(idsOf(same.taken).sort()).toEqual(sent);
  const arrived = new Set(idsOf(changing.taken));
  expect(sent.filter((id) => !arrived.has(id))).toEqual([]);
  expect(new Set(changing.taken.map(({ headers }) => headers['x-round'])).size).toBeGreaterThan(1);
  expect(idsOf(coming.taken).length).toBeGreaterThan(0);
  expect(Object.keys(test.buffer.progress()).sort()).toEqual(['otlp_http_changing', 'otlp_http_same', 'store']);
});

it('a tail sampler with other policies keeps its verdicts, and decides on what comes then by the new ones', async () => {
  const to1 = await backend();
  const sampler = (policy: string) => ({ tail_sampling: `{decision_wait: 20ms, policies: [${policy}]}` });
  const errors = '{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}';
  const test = await startWith({ exporters: { otlp_http: to(to1) }, processors: sampler(errors) });
  await test.buffer.append(
    spansFrame([
      { trace: 1, span: 1 },
      { trace: 2, span: 2, isError: true },
    ]),
  );
  await sentAll(test);
  const all = { exporters: { otlp_http: to(to1) }, processors: sampler('{name: all, type: always_sample}') };
  expect((await test.reload(all))?.changed).toEqual(['otlp_http']);
  await test.buffer.append(spansFrame([1, 2, 3].map((trace) => ({ trace, span: 10 + trace }))));
  await sentAll(test);
  expect(idsOf(to1.taken).sort()).toEqual([2, 12, 13].map(spanIdOf).sort());
  expect(Object.keys(test.buffer.progress()).sort()).toEqual(['otlp_http', 'store', 'tail_sampling.sampler']);

  await test.reload({ exporters: { otlp_http: to(to1) } });
  await test.buffer.append(spansFrame([{ trace: 1, span: 21 }]));
  await sentAll(test);
  expect(idsOf(to1.taken)).toContain(spanIdOf(21));
  expect(Object.keys(test.buffer.progress()).sort()).toEqual(['otlp_http', 'store']);
});
