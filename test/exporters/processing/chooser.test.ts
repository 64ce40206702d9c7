import { expect, it, onTestFinished } from 'vitest';
import type { RefusedLetter } from '../../../exporters/letters.js';
import { createProcessing } from '../../../exporters/processing/chooser.js';
import type { ProcessTask } from '../../../exporters/processing/process.js';
import type { Step } from '../../../exporters/processing/steps.js';
import type { TaskPool } from '../../../src/component.js';
import { createPool } from '../../../workers/pool.js';
import { range } from '../../buffer/fixture.js';
import { startHttpBackend } from '../../helpers/otlp-backend.js';
import {
  delivered,
  frameWith,
  type Happening,
  httpTransports,
  idsOf,
  recordedEvents,
  spanId,
  spanOf,
  startExporter,
} from '../fixture.js';

const steps: Step[] = [{ kind: 'filter', processor: 'odd', include: { isPattern: true, names: ['[13579]$'] } }];

async function withPool(pool: TaskPool) {
  const backend = await startHttpBackend();
  onTestFinished(() => backend.close());
  const { events, happenings } = recordedEvents();
  const buried: string[] = [];
  const bury = async (_part: unknown, reason: string) => void buried.push(reason);
  const chooser = createProcessing({ exporter: 'otlp', signal: 'traces', steps, pool, bury, events });
  const test = await startExporter({ transports: httpTransports(backend.address), chooser });
  return { ...test, backend, told: happenings, buried };
}

const named = (happenings: Happening[], name: Happening['name']) => happenings.filter((one) => one.name === name);

it('a thread leaves other spans out than it should, or some uncounted', async () => {
  const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
  await pool.start();
  onTestFinished(() => pool.shutdown({ deadlineMs: 1000 }));
  const test = await withPool(pool);
  for (const part of [range(0, 4), range(5, 9), [10]]) await test.buffer.append(frameWith(part.map((n) => spanOf(n))));
  // What protobufjs would not read either, and no receiver lets in.
  await test.buffer.append(frameWith([], { payload: Buffer.from([0x0a, 0xff]), items: 1 }));
  await delivered(test);
  expect(idsOf(test.backend.taken).sort()).toEqual([1, 3, 5, 7, 9].map(spanId));
  const passages = test.happenings.flatMap((one) => (one.name === 'processed' ? [one] : []));
  expect(passages.reduce((sum, { incoming }) => sum + incoming, 0)).toBe(11);
  expect(passages.reduce((sum, { outgoing }) => sum + outgoing, 0)).toBe(5);
  expect(new Set(passages.map(({ processor }) => processor))).toEqual(new Set(['odd']));
  expect(test.buried).toEqual([expect.stringMatching(/^it can't be read: /)]);
});

it('a thread that is lost lets everything through, or loses it', async () => {
  let losses = 2;
  const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
  await pool.start();
  onTestFinished(() => pool.shutdown({ deadlineMs: 1000 }));
  const test = await withPool({
    run: (...task) => (losses-- > 0 ? Promise.reject(new Error('worker exited')) : pool.run(...task)),
  });
  await test.buffer.append(frameWith(range(0, 3).map((n) => spanOf(n))));
  await delivered(test);
  expect(idsOf(test.backend.taken).sort()).toEqual([1, 3].map(spanId));
  expect(named(test.happenings, 'stuck')).toHaveLength(2);
  const letters: RefusedLetter[] = test.letters;
  expect(letters).toEqual([]);
});

it('a request that no thread survives holds its exporter up for ever, or takes its neighbours along', async () => {
  const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
  await pool.start();
  onTestFinished(() => pool.shutdown({ deadlineMs: 1000 }));
  const isDeadly = (task: unknown) => Buffer.from((task as ProcessTask | undefined)?.payloads ?? []).includes('span 3');
  let withoutThreads = 5;
  const test = await withPool({
    run: (operation, task, ...rest) =>
      withoutThreads-- > 0 || isDeadly(task)
        ? Promise.reject(new Error('out of memory'))
        : pool.run(operation, task, ...rest),
  });
  await Promise.all([1, 3, 5].map((number) => test.buffer.append(frameWith([spanOf(number)]))));
  await delivered(test);
  expect(idsOf(test.backend.taken).sort()).toEqual([1, 5].map(spanId));
  expect(test.buried).toEqual(['no thread survives processing it: out of memory']);
});
