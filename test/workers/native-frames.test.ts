/** Native frames through a real buffer, the real store writer and real stores, with crashes in between. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FrameInput, TaskPool } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import { encodeTrailer, type Trailer } from '../../src/model/trailer.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { createSqliteTelemetry } from '../../src/store/telemetry/sqlite/store.js';
import { type AuditTrail, createAuditTrail } from '../../workers/audit-trail.js';
import { createDeadLetterBox, writeDeadLetter } from '../../workers/dead-letters.js';
import { createDrain, nopDrainEvents } from '../../workers/drain.js';
import type { StoreTask, WriterThreadOptions } from '../../workers/messages.js';
import { createPool } from '../../workers/pool.js';
import { startedBuffer, temporaryDirectory } from '../buffer/fixture.js';
import { sqliteCase } from '../store/control/dialects.js';
import { until } from './played-drain.js';

const thread = vi.hoisted(() => ({ workerData: undefined as unknown }));
vi.mock('node:worker_threads', async (original) => {
  const module = { ...(await original<typeof import('node:worker_threads')>()) };
  return Object.defineProperty(module, 'workerData', { get: () => thread.workerData, enumerable: true });
});
vi.mock('../../workers/priority.js', () => ({ lowerThreadPriority() {} }));

/**
 * The module of the store writer once more, without a thread around it: tsx can't load its sources into one. What goes in
 * and out is copied, as between threads.
 */
async function loadWriter(workerData: WriterThreadOptions): Promise<TaskPool> {
  thread.workerData = workerData;
  vi.resetModules();
  const { default: run } = await import('../../workers/store-writer.js');
  return {
    run: async <Result>(operation: string, argument: unknown) =>
      structuredClone(await run(structuredClone({ operation, argument }) as Parameters<typeof run>[0])) as Result,
  };
}

let directory: string;
let control: ControlStore;
beforeEach(async () => {
  directory = await temporaryDirectory();
  const place = await sqliteCase.makePlace();
  onTestFinished(() => place.remove());
  control = await place.open();
  await control.start();
});

interface GatewayOptions {
  writers?: number;
  /** In the place of the control store, or of what takes entries to it. */
  control?: Pick<ControlStore, 'transaction'>;
  trail?: (trail: AuditTrail) => Pick<AuditTrail, 'append' | 'room'>;
  /** Around each writer. */
  wrap?: (writer: TaskPool) => TaskPool;
}

/** All that drains: once more over the same folder, it is a restart. */
async function startDraining(options: GatewayOptions = {}) {
  const deadLetterDirectory = path.join(directory, 'dead-letter');
  const readers = createPool({ entry: 'sqlite-reader', threads: 1, maxQueue: 100 });
  const telemetry = createSqliteTelemetry({ directory: path.join(directory, 'telemetry'), pool: readers });
  const numbers = Array.from({ length: options.writers ?? 1 }, (_, number) => number);
  const writers: TaskPool[] = [];
  for (const number of numbers) {
    const writer = telemetry.writerOptions(number);
    writers.push(await loadWriter({ writer, deadLetterDirectory, mapping: true, maxAttributeBytes: 2 ** 20 }));
  }
  for (const component of [readers, telemetry]) await component.start();
  const buffer = await startedBuffer({ directory: path.join(directory, 'buffer') }, 'store');
  const deadLetters = createDeadLetterBox(deadLetterDirectory);
  const config = {
    batchMaxItems: 100,
    batchMaxBytes: 2 ** 20,
    batchLingerMs: 1,
    nativeWaitMs: 30_000,
    deadLetterMaxBytes: 2 ** 20,
  };
  const trail = createAuditTrail({
    config,
    control: options.control ?? control,
    deadLetters,
    gatherMs: 1,
    events: nopDrainEvents,
  });
  const drain = createDrain({
    config,
    bufferId: () => buffer.id,
    consumer: buffer.consumer('store'),
    writers: options.wrap ? writers.map(options.wrap) : writers,
    telemetry,
    auditTrail: options.trail?.(trail) ?? trail,
    deadLetters,
    events: nopDrainEvents,
  });
  await drain.start();
  const stop = async (deadlineMs = 10_000) => {
    await drain.shutdown({ deadlineMs });
    for (const component of [trail, buffer]) await component.shutdown({ deadlineMs });
    for (const writer of writers) await writer.run('close', undefined);
    for (const component of [telemetry, readers]) await component.shutdown({ deadlineMs });
  };
  onTestFinished(() => stop());
  const send = async (frame: FrameInput) => {
    const { sequence } = await buffer.append(frame);
    return drain.of(sequence);
  };
  const held = () => buffer.consumer('store').lag().frames;
  return { drain, buffer, telemetry, deadLetters, deadLetterDirectory, send, held, stop };
}

function entryOf(targetId: string): AuditEntry {
  return { workspace: 'default', timeUnixMs: 1000, action: 'span:create', targetId, keyId: 1, keyName: 'key' };
}

/** A frame of one span, and of an audit entry that names it. */
function spanFrame(traceId: string, spanId: string, trailer: Partial<Trailer> = {}): FrameInput {
  const span = {
    traceId,
    spanId,
    name: spanId,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000000001',
  };
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
  return {
    signal: 'traces',
    encoding: 'json',
    workspace: 'default',
    items: 1,
    payload: Buffer.from(JSON.stringify(request)),
    trailer: encodeTrailer({ audit: [entryOf(spanId)], ...trailer }),
  };
}

function deletionFrame(traceId: string): FrameInput {
  const trailer = encodeTrailer({ audit: [entryOf(traceId)], deletes: [Buffer.from(traceId, 'hex')] });
  return { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: 0, payload: Buffer.alloc(0), trailer };
}

const TRACE = 'aa'.repeat(16);
const OTHER_TRACE = 'bb'.repeat(16);
const spanId = (number: number) => number.toString(16).padStart(16, '0');

async function audited(): Promise<(string | undefined)[]> {
  const { items } = await control.auditLogs.list({ workspace: 'default', limit: 1000 });
  expect(await control.auditLogs.verify('default')).toMatchObject({ ok: true });
  return items.map(({ targetId }) => targetId).sort();
}

const DOWN: Pick<ControlStore, 'transaction'> = {
  transaction: async () => {
    throw new GatewayError('STORE_UNAVAILABLE', 'database is locked');
  },
};

describe('a native frame', () => {
  it('can be read when its request is answered, and reaches the audit log once', async () => {
    const { send, telemetry, held } = await startDraining();
    const outcomes = await Promise.all([1, 2, 3].map((number) => send(spanFrame(TRACE, spanId(number)))));
    expect(outcomes.map(({ written }) => written)).toEqual([true, true, true]);
    const bytes = Buffer.from(TRACE, 'hex');
    expect((await telemetry.getTrace('default', bytes))?.spans).toHaveLength(3);
    await until(() => held() === 0);
    expect(await audited()).toEqual([1, 2, 3].map(spanId));
  });

  it('that brings nothing new is not in the audit log', async () => {
    const { send, held } = await startDraining();
    await send(spanFrame(TRACE, spanId(1)));
    const name = TRACE + spanId(1);
    expect(await send(spanFrame(TRACE, spanId(1)))).toMatchObject({ written: false, knownSpans: [name] });
    await until(() => held() === 0);
    expect(await audited()).toEqual([spanId(1)]);
  });

  it('whose trailer can not be read is set aside, and its neighbours are stored', async () => {
    const { buffer, drain, send, deadLetters } = await startDraining();
    const bad = await buffer.append({ ...spanFrame(TRACE, spanId(1)), trailer: Buffer.from('{"audit":') });
    const refused = expect(drain.of(bad.sequence)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(await send(spanFrame(TRACE, spanId(2)))).toMatchObject({ written: true });
    await refused;
    const [letter] = await deadLetters.list();
    expect(letter).toMatchObject({ sequence: bad.sequence, trailer: Buffer.from('{"audit":').toString('base64') });
  });

  it('that is replayed from the dead letters reaches the audit log then', async () => {
    const { buffer, deadLetters, deadLetterDirectory, held } = await startDraining();
    const { payload, trailer, ...frame } = spanFrame(TRACE, spanId(1));
    const kept = { ...frame, receivedTimeUnixMs: 1 };
    const letter = { sequence: 7, reason: 'was too much once', frame: kept, bufferId: buffer.id };
    const files = { payload: payload as Buffer, trailer: trailer as Buffer };
    const { id } = writeDeadLetter(deadLetterDirectory, { ...letter, ...files });
    await deadLetters.replay(id, buffer);
    await until(() => held() === 0);
    expect(await audited()).toEqual([spanId(1)]);
  });
});

/** Refuses the first transaction for what is in it, as SQLite does. */
function refusingOnce(): Pick<ControlStore, 'transaction'> {
  let refused = false;
  const cause = Object.assign(new Error('NOT NULL constraint failed'), { code: 'SQLITE_CONSTRAINT_NOTNULL' });
  return {
    transaction: async (work) => {
      if (refused) return control.transaction(work);
      refused = true;
      throw new GatewayError('INTERNAL_ERROR', 'NOT NULL constraint failed', { cause });
    },
  };
}

describe('an audit entry that is refused for good', () => {
  it('lets go of its frame, and is brought back by the replay of its dead letter', async () => {
    const { send, held, deadLetters, buffer, telemetry } = await startDraining({ control: refusingOnce() });
    await send(spanFrame(TRACE, spanId(1)));
    await until(() => held() === 0);
    expect(await audited()).toEqual([]);
    const [letter] = await deadLetters.list();
    await deadLetters.replay(letter!.id, buffer);
    await until(() => held() === 0);
    expect(await audited()).toEqual([spanId(1)]);
    expect((await telemetry.getTrace('default', Buffer.from(TRACE, 'hex')))?.spans).toHaveLength(1);
  });
});

/** Dies of a frame as a thread does that runs out of memory, where the real writer would say that it is at it. */
function dyingOf(sequence: number, operations: string[]): (writer: TaskPool) => TaskPool {
  return (writer) => ({
    async run<Result>(operation: string, argument: unknown) {
      const { care } = argument as StoreTask;
      operations.push(operation);
      if (care?.bury.includes(sequence)) return writer.run<Result>(operation, argument);
      if (care) care.at[0] = sequence;
      throw new Error('Worker terminated due to reaching memory limit');
    },
  });
}

describe('a crash', () => {
  it('between the rows and their audit entries leaves each of them to be written once', async () => {
    const before = await startDraining({ control: DOWN });
    await Promise.all([1, 2].map((number) => before.send(spanFrame(TRACE, spanId(number)))));
    expect(await before.send(spanFrame(TRACE, spanId(1)))).toMatchObject({ written: false });
    await before.stop(50);
    expect(await audited()).toEqual([]);

    const after = await startDraining();
    await after.drain.caughtUp();
    await after.send(spanFrame(OTHER_TRACE, spanId(3)));
    await until(() => after.held() === 0);
    expect(await audited()).toEqual([1, 2, 3].map(spanId));
    expect((await after.telemetry.getTrace('default', Buffer.from(TRACE, 'hex')))?.spans).toHaveLength(2);
  });

  it('of the writer, again and again, over a frame whose rows are stored costs what goes with that frame alone', async () => {
    const before = await startDraining({ control: DOWN });
    await Promise.all([1, 2, 3].map((number) => before.send(spanFrame(TRACE, spanId(number)))));
    await before.stop(50);

    const operations: string[] = [];
    const after = await startDraining({ wrap: dyingOf(2, operations) });
    await until(() => after.held() === 0);
    expect(operations).toEqual(['recall', 'recall', 'recall', 'recall']);
    expect(await audited()).toEqual([spanId(1), spanId(3)]);
    const [letter, ...others] = await after.deadLetters.list();
    expect([letter?.sequence, others]).toEqual([2, []]);
    expect(letter?.reason).toMatch(/the writer died of it/);
    expect((await after.telemetry.getTrace('default', Buffer.from(TRACE, 'hex')))?.spans).toHaveLength(3);
  });

  it('over a frame whose rows are stored leaves a letter whose replay stores its log records again', async () => {
    const records = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1700000000000000000' }] }] }] };
    const frame = { ...spanFrame(TRACE, spanId(1)), signal: 'logs' as const };
    const before = await startDraining({ control: DOWN });
    await before.send({ ...frame, payload: Buffer.from(JSON.stringify(records)) });
    await before.stop(50);

    const dying = await startDraining({ wrap: dyingOf(1, []) });
    await until(() => dying.held() === 0);
    await dying.stop();
    const after = await startDraining();
    const [letter] = await after.deadLetters.list();
    const sequence = await after.deadLetters.replay(letter!.id, after.buffer);
    expect(await after.drain.of(sequence)).toMatchObject({ written: true });
    const { items } = await after.telemetry.listLogs({ workspace: 'default', limit: 10 });
    expect(items).toHaveLength(1);
    await until(() => after.held() === 0);
    expect(await audited()).toEqual([spanId(1)]);
  });

  it('between the audit entries and the release of their range writes none of them twice', async () => {
    let appended = 0;
    /** Never tells that it is done. */
    const unheard = (trail: AuditTrail) => ({
      room: () => trail.room(),
      append: (batch: Parameters<AuditTrail['append']>[0]) => {
        void trail.append(batch).then(() => appended++);
        return new Promise<void>(() => {});
      },
    });
    const before = await startDraining({ trail: unheard });
    await before.send(spanFrame(TRACE, spanId(1)));
    await until(() => appended > 0);
    await before.stop(50);

    const after = await startDraining();
    await until(() => after.held() === 0);
    expect(await audited()).toEqual([spanId(1)]);
  });

  it('before a deletion is carried out leaves it to the next start', async () => {
    const before = await startDraining({ control: DOWN });
    await before.send(spanFrame(TRACE, spanId(1)));
    const { sequence } = await before.buffer.append(deletionFrame(TRACE));
    const refused = expect(before.drain.of(sequence)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await sleep(20);
    await before.stop(200);
    await refused;

    const after = await startDraining();
    await until(() => after.held() === 0);
    expect(await after.telemetry.getTrace('default', Buffer.from(TRACE, 'hex'))).toBeUndefined();
    expect(await audited()).toEqual([spanId(1), TRACE].sort());
  });
});

describe('a deletion', () => {
  it('takes what any writer has stored of the trace before, and nothing else', async () => {
    const { send, telemetry, held } = await startDraining({ writers: 2 });
    for (let number = 1; number <= 6; number++) await send(spanFrame(TRACE, spanId(number)));
    const racing = Array.from({ length: 20 }, (_, at) => send(spanFrame(TRACE, spanId(at + 10))));
    const kept = send(spanFrame(OTHER_TRACE, spanId(1)));
    expect(await send(deletionFrame(TRACE))).toMatchObject({ written: true });
    expect(await telemetry.getTrace('default', Buffer.from(TRACE, 'hex'))).toBeUndefined();
    await Promise.all([...racing, kept]);
    expect((await telemetry.getTrace('default', Buffer.from(OTHER_TRACE, 'hex')))?.spans).toHaveLength(1);
    await until(() => held() === 0);
    expect(await audited()).toHaveLength(28);
    await sleep(2);
    await send(spanFrame(TRACE, spanId(1)));
    expect((await telemetry.getTrace('default', Buffer.from(TRACE, 'hex')))?.spans).toHaveLength(1);
  });
});
