import { describe, expect, it, onTestFinished } from 'vitest';
import type { ChooseTask, FoldTask } from '../../../exporters/tail-sampling/messages.js';
import { createPool } from '../../../workers/pool.js';
import { range } from '../../buffer/fixture.js';
import { until } from '../fixture.js';
import {
  caughtUp,
  configOf,
  folded,
  type SampledExporter,
  scoreFrame,
  spanIdOf,
  spansFrame,
  startSampled,
  stopTheClock,
  sumOf,
  traceId,
} from './fixture.js';

const ERRORS = { name: 'errors', type: 'status_code', statusCode: { statusCodes: ['ERROR'] } };
const errorsOnly = configOf({ policies: [ERRORS] });

const read = (test: SampledExporter, traces: number) =>
  until(() => sumOf(test, 'newTraces') >= traces, `${traces} traces`);

/** What is not decided in this many turns is not decided without the clock. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 30));

describe('a tail sampler', () => {
  it('sends nothing of a trace before its wait is over, and then all of it or nothing', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 1 },
        { trace: 2, span: 2 },
      ]),
    );
    clock.advance(150);
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 3, isError: true },
        { trace: 2, span: 4 },
      ]),
    );
    await read(test, 2);
    await turns();
    expect(test.sent).toEqual([]);
    clock.advance(51);
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([spanIdOf(1), spanIdOf(3)]);
    expect(test.passed).toEqual({ incoming: 4, outgoing: 2 });
    expect(sumOf(test, 'kept')).toBe(1);
    expect(sumOf(test, 'dropped')).toBe(1);
  });

  it('gives what comes late the verdict that there is, whatever it would change', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 1, isError: true },
        { trace: 2, span: 2 },
      ]),
    );
    clock.advance(201);
    await caughtUp(test);
    await test.stop();
    const after = await startSampled({ config: errorsOnly, directory: test.directory, sent: test.sent });
    await after.buffer.append(
      spansFrame([
        { trace: 1, span: 3 },
        { trace: 2, span: 4, isError: true },
      ]),
    );
    await caughtUp(after);
    expect(test.sent.sort()).toEqual([spanIdOf(1), spanIdOf(3)]);
    expect(folded(after).map(({ late }) => late)).toContainEqual({ kept: 1, dropped: 1 });
    expect(sumOf(after, 'newTraces')).toBe(0);
  });

  it('keeps log records with their trace, and metrics whatever there is', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(scoreFrame(1, 1));
    await test.buffer.append(scoreFrame(2, 1));
    await test.buffer.append(spansFrame([{ trace: 1, span: 1, isError: true }]));
    await test.buffer.append({ ...scoreFrame(1, 1), signal: 'metrics' });
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([spanIdOf(1), `log ${traceId(1)}`, 'metrics'].sort());
  });

  it('lets no workspace decide on the trace of another one that has the same id', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(spansFrame([{ trace: 1, span: 1 }], { workspace: 'one' }));
    await test.buffer.append(spansFrame([{ trace: 1, span: 2, isError: true }], { workspace: 'two' }));
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent).toEqual([spanIdOf(2)]);
  });

  it('leaves what is not decided in the buffer when it is shut down, for the next start', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(spansFrame([{ trace: 1, span: 1 }]));
    clock.advance(100);
    await test.buffer.append(spansFrame([{ trace: 2, span: 2, isError: true }]));
    await read(test, 2);
    await test.stop();
    expect(test.sent).toEqual([]);
    expect(test.exporter.state()).toMatchObject({ lag: { frames: 2 }, droppedItems: 0 });
    const after = await startSampled({ config: errorsOnly, directory: test.directory, sent: test.sent });
    await after.buffer.append(spansFrame([{ trace: 1, span: 3, isError: true }]));
    clock.advance(201);
    await caughtUp(after);
    expect(test.sent.sort()).toEqual([1, 2, 3].map(spanIdOf));
  });

  it('decides on the oldest early, by what is known, when more traces wait than may', async () => {
    stopTheClock();
    const test = await startSampled({ config: configOf({ numTraces: '3', policies: [ERRORS] }) });
    for (const trace of range(1, 5)) await test.buffer.append(spansFrame([{ trace, span: trace, isError: true }]));
    await until(() => test.sent.length === 2);
    await turns();
    expect(test.sent.sort()).toEqual([1, 2].map(spanIdOf));
    expect(sumOf(test, 'early')).toBe(2);
    expect(test.sampler.state().waiting).toBe(3);
  });

  it('decides early rather than let its exporters give up what the buffer has no room for', async () => {
    stopTheClock();
    const bufferMaxBytes = 2 ** 20;
    const test = await startSampled({
      config: errorsOnly,
      bufferMaxBytes,
      rest: { maxWaitingBytes: () => bufferMaxBytes / 8 },
    });
    const padding = { text: 'x'.repeat(20_000) };
    for (const trace of range(1, 60)) {
      await test.buffer.append(spansFrame([{ trace, span: trace, isError: true, attributes: padding }]));
      await read(test, trace);
    }
    await until(() => test.sent.length > 40);
    expect(test.exporter.state().droppedItems).toBe(0);
    expect(sumOf(test, 'early')).toBeGreaterThan(40);
    expect(sumOf(test, 'early')).toBeLessThan(60);
  });

  it('comes to the same verdicts when the thread that knew them is lost', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 1, isError: true },
        { trace: 2, span: 2 },
      ]),
    );
    await read(test, 2);
    test.pool.forget();
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 3 },
        { trace: 2, span: 4 },
      ]),
    );
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([1, 3].map(spanIdOf));
    test.pool.forget();
    await test.buffer.append(spansFrame([{ trace: 1, span: 5 }]));
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([1, 3, 5].map(spanIdOf));
  });

  it('tells what keeps it waiting, and goes on when that is over', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    const { run } = test.pool;
    test.pool.run = async () => Promise.reject(new Error('no thread'));
    await test.buffer.append(spansFrame([{ trace: 1, span: 1, isError: true }]));
    await until(() => test.happened.some(({ name }) => name === 'stuck'));
    test.pool.run = run;
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent).toEqual([spanIdOf(1)]);
  });

  it('stands still at a frame that no thread survives reading, instead of deciding on the rest', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    const { run } = test.pool;
    const deadly = 2;
    // The thread dies at that frame, with all that it knew.
    test.pool.run = async (operation, argument) => {
      const { ranges, care } = (argument ?? {}) as Partial<FoldTask>;
      const isRead = ranges?.some((one) => one.firstSequence <= deadly && deadly <= one.lastSequence);
      if (operation !== 'fold' || !isRead || care?.bury.includes(deadly)) return run(operation, argument);
      if (care !== undefined) care.at[0] = deadly;
      test.pool.forget();
      throw new Error('out of memory');
    };
    await test.buffer.append(spansFrame([{ trace: 1, span: 1, isError: true }]));
    await test.buffer.append(
      spansFrame([
        { trace: 2, span: 2, isError: true },
        { trace: 3, span: 3 },
      ]),
    );
    await test.buffer.append(
      spansFrame([
        { trace: 4, span: 4 },
        { trace: 3, span: 5 },
      ]),
    );
    await until(() => test.sampler.state().waiting === 3);
    clock.advance(201);
    await caughtUp(test);
    // Of the trace that nothing else tells of there is no verdict: it is kept.
    expect(test.sent.sort()).toEqual([1, 2].map(spanIdOf));
    const passed = test.happened.filter(({ name }) => name === 'passedOver');
    expect(passed).toMatchObject([{ sequence: deadly, reason: 'out of memory' }]);
    expect(folded(test).reduce((sum, { unreadable }) => sum + unreadable, 0)).toBe(1);
  });

  it('takes a full disk for a frame that no thread survives', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    const { run } = test.pool;
    let failures = 5;
    test.pool.run = async (operation, argument) => {
      const { care } = argument as FoldTask;
      if (operation !== 'fold' || failures-- <= 0) return run(operation, argument);
      if (care !== undefined) care.at[0] = 1;
      return { outcome: 'failed', reason: 'ENOSPC: no space left on device' } as never;
    };
    await test.buffer.append(spansFrame([{ trace: 1, span: 1 }]));
    await until(() => sumOf(test, 'newTraces') === 1);
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent).toEqual([]);
    expect(test.happened.filter(({ name }) => name === 'passedOver')).toEqual([]);
    expect(test.happened.filter(({ name }) => name === 'stuck')[0]).toMatchObject({
      reason: expect.stringMatching(/ENOSPC/),
    });
  });

  it('holds an exporter up for ever at a request that no thread survives looking through', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    const { run } = test.pool;
    test.pool.run = async (operation, argument) => {
      const { parts = [] } = (argument ?? {}) as Partial<ChooseTask>;
      if (operation !== 'choose' || !parts.some(({ sequence }) => sequence === 2)) return run(operation, argument);
      test.pool.forget();
      throw new Error('out of memory');
    };
    for (const span of [1, 2, 3]) await test.buffer.append(spansFrame([{ trace: span, span, isError: true }]));
    await read(test, 3);
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([1, 3].map(spanIdOf));
    expect(test.buried).toEqual([{ sequence: 2, reason: 'no thread survives looking for its traces: out of memory' }]);
  });

  it('knows its verdicts for an exporter that is farther behind than they are remembered', async () => {
    const clock = stopTheClock();
    const cache = { sampledCacheSize: '8', nonSampledCacheSize: '8' };
    const config = configOf({ decisionCache: cache, policies: [ERRORS] });
    const test = await startSampled({ config });
    const isOdd = (trace: number) => trace % 2 === 1;
    // Its exporter is away: a second start finds it at its beginning.
    await test.exporter.shutdown({ deadlineMs: 0 });
    for (const trace of range(1, 100)) {
      await test.buffer.append(spansFrame([{ trace, span: trace, isError: isOdd(trace) }]));
      clock.advance(201);
      await until(() => sumOf(test, 'kept') + sumOf(test, 'dropped') >= trace - 1);
    }
    await until(() => sumOf(test, 'kept') + sumOf(test, 'dropped') === 100);
    expect(test.sampler.state().remembered).toBeLessThan(30);
    await test.stop();
    const after = await startSampled({ config, directory: test.directory, sent: test.sent });
    await caughtUp(after);
    expect(test.sent.sort()).toEqual(range(1, 100).filter(isOdd).map(spanIdOf).sort());
    expect(after.happened.filter(({ name }) => name === 'unknown')).toEqual([]);
  });

  it('keeps what it knows nothing of, and says so', async () => {
    const clock = stopTheClock();
    const test = await startSampled({ config: errorsOnly });
    await test.exporter.shutdown({ deadlineMs: 0 });
    await test.buffer.append(spansFrame([{ trace: 1, span: 1 }]));
    await read(test, 1);
    clock.advance(201);
    await until(() => sumOf(test, 'dropped') === 1);
    await test.stop();
    // Verdicts that somebody has deleted.
    const after = await startSampled({
      config: errorsOnly,
      directory: test.directory,
      sent: test.sent,
      rest: { directory: `${test.directory}/elsewhere` },
    });
    await after.buffer.append(spansFrame([{ trace: 2, span: 2 }]));
    clock.advance(201);
    await caughtUp(after);
    expect(test.sent).toEqual([spanIdOf(1)]);
    expect(after.happened.filter(({ name }) => name === 'unknown')).toMatchObject([{ exporter: 'otlp', items: 1 }]);
  });

  it('on its thread decides as it does here', async () => {
    const clock = stopTheClock();
    const pool = createPool({ entry: 'tail-sampler', threads: 1, maxQueue: 10 });
    onTestFinished(() => pool.shutdown({ deadlineMs: 1000 }));
    await pool.start();
    const config = configOf({
      policies: [ERRORS, { name: 'costly', type: 'cost', cost: { thresholdTokens: '1000' } }],
    });
    const test = await startSampled({ config, rest: { pool } });
    const costly = { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 1500 };
    await test.buffer.append(
      spansFrame([
        { trace: 1, span: 1, isError: true },
        { trace: 2, span: 2 },
        { trace: 3, span: 3, attributes: costly },
      ]),
    );
    await read(test, 3);
    clock.advance(201);
    await caughtUp(test);
    expect(test.sent.sort()).toEqual([1, 3].map(spanIdOf));
    // What its disk throws is no fault of a frame's.
    const range = { path: '/nowhere/segment', offset: 0, length: 9, firstSequence: 9, lastSequence: 9 };
    const open = { sampler: 'other', config, directory: `${test.directory}/other`, bufferId: 'b', samplesLogs: true };
    const session = await pool.run('open', open);
    const fold = { sampler: 'other', session, ranges: [range], neededFrom: 1 };
    expect(await pool.run('fold', fold)).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/ENOENT/) });
  });
});
