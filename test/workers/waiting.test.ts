/** What those learn who wait for the rows of a frame. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { TaskPool } from '../../src/component.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type { AuditBatch } from '../../workers/audit-trail.js';
import type { Deleted, Forgotten, FrameDeletion, Stored, StoreResult, StoreTask } from '../../workers/messages.js';
import { OutcomeWaiters } from '../../workers/outcome-waiters.js';
import { createWriter, outcomeOf, rangeOf, STORED, startDrain, until } from './played-drain.js';

const DOWN: StoreResult = { outcome: 'unavailable', reason: 'down' };
const always = (result: StoreResult) => Array.from({ length: 1000 }, () => result);

function entryOf(source: string): AuditEntry {
  return { workspace: 'default', timeUnixMs: 1, action: 'span:create', keyId: 1, keyName: 'key', source };
}

function storedWith(sequences: number[], rest: Partial<Stored> = {}): Stored {
  return { ...STORED, outcomes: sequences.map((sequence) => outcomeOf(sequence)), ...rest };
}

function deletionOf(sequence: number): FrameDeletion {
  return {
    sequence,
    workspace: 'default',
    traceIds: [new Uint8Array(16).fill(sequence)],
    receivedUntilUnixMs: 1000 + sequence,
    audit: [entryOf(`buffer:${sequence}:0`)],
  };
}

const DELETED: Deleted = { outcome: 'deleted', deadLetters: [] };

/** A promise to be resolved from outside. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A trail that keeps what it is given, and answers when its gate is opened. */
function heldTrail() {
  const batches: AuditBatch[] = [];
  const { opened, open } = gate();
  const append = (batch: AuditBatch) => {
    batches.push(batch);
    return opened;
  };
  return { batches, open, trail: { append } };
}

/** Writers whose tasks wait until the test answers them, by operation and first sequence. */
function heldWriter() {
  const asked: string[] = [];
  const answers = new Map<string, (answer: unknown) => void>();
  const pool: TaskPool = {
    run: (operation, argument) => {
      const name = `${operation} ${(argument as StoreTask).range.firstSequence}`;
      asked.push(name);
      return new Promise((resolve) => answers.set(name, resolve as (answer: unknown) => void));
    },
  };
  return {
    pool,
    asked,
    answer: (name: string, answer: StoreResult | Deleted | Forgotten) => answers.get(name)!(answer),
  };
}

describe('who waits for a frame', () => {
  it('is told what the store said of it', async () => {
    const known = outcomeOf(2, { written: false, knownSpans: ['ab'] });
    const writer = createWriter([storedWith([1, 2], { outcomes: [outcomeOf(1), known] })]);
    const { drain } = startDrain({ ranges: [{ ...rangeOf(1), lastSequence: 2 }], writers: [writer.pool] });
    expect(await Promise.all([drain.of(1), drain.of(2)])).toEqual([outcomeOf(1), known]);
  });

  it('does not wait until the batch has lingered', async () => {
    const writer = createWriter([storedWith([1]), storedWith([2])]);
    const { drain, add } = startDrain({ ranges: [], writers: [writer.pool], config: { batchLingerMs: 60_000 } });
    add(rangeOf(1));
    await sleep(5);
    expect(writer.tasks).toEqual([]);
    expect((await drain.of(1)).sequence).toBe(1);
    add(rangeOf(2));
    expect((await drain.of(2)).sequence).toBe(2);
  });

  it('is answered before the audit log has its entry, and the range is released after that', async () => {
    const { batches, open, trail } = heldTrail();
    const writer = createWriter([storedWith([1], { audit: JSON.stringify([entryOf('buffer:1:0')]) })]);
    const { drain, released } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool], auditTrail: trail });
    await drain.of(1);
    expect(batches).toEqual([{ entries: [entryOf('buffer:1:0')], deleted: [] }]);
    expect(released).toEqual([]);
    open();
    await until(() => released.length === 1);
  });

  it('is refused when the store is down for too long, and told what became of the request', async () => {
    const writer = createWriter(always(DOWN));
    const { drain } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool], config: { nativeWaitMs: 20 } });
    const error = { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/durable.*same Idempotency-Key/) };
    await expect(drain.of(1)).rejects.toMatchObject(error);
  });

  it('has its own time, however long others have waited', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const waiters = new OutcomeWaiters(1000);
    onTestFinished(() => waiters.close());
    const early = expect(waiters.wait(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(600);
    const late = waiters.wait(2);
    const never = expect(waiters.wait(3)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(500);
    await early;
    waiters.answer(outcomeOf(2));
    expect((await late).sequence).toBe(2);
    await vi.advanceTimersByTimeAsync(600);
    await never;
    expect([waiters.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('who gave up, and those who stand behind, hear nothing when the rows are stored after all', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const waiters = new OutcomeWaiters(1000);
    const refused = expect(waiters.wait(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(1001);
    await refused;
    const heard: number[] = [];
    const hear = (sequence: number) => void waiters.settled(sequence).then(() => heard.push(sequence));
    hear(1);
    hear(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(heard).toEqual([2]);
    waiters.answer(outcomeOf(1));
    await vi.advanceTimersByTimeAsync(1);
    expect(heard).toEqual([2, 1]);
    waiters.close();
  });

  it('is turned away beyond a bound, to which one whose time was over counts until its rows are stored', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const waiters = new OutcomeWaiters(1000);
    const late = expect(waiters.wait(0)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(1001);
    await late;
    const waiting = Array.from({ length: 65_535 }, (_, at) => waiters.wait(at + 1));
    const full = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('too many others') };
    await expect(waiters.wait(65_536)).rejects.toMatchObject(full);
    waiters.answer(outcomeOf(0));
    waiting.push(waiters.wait(65_536));
    for (let sequence = 1; sequence <= 65_536; sequence++) waiters.answer(outcomeOf(sequence));
    expect((await Promise.all(waiting)).at(-1)!.sequence).toBe(65_536);
    waiters.close();
  });

  it('is told when the frame was set aside', async () => {
    const writer = createWriter([{ ...STORED, deadLetters: [{ sequence: 1, reason: 'cannot be decoded: x' }] }]);
    const { drain } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool] });
    const error = { code: 'INVALID_PAYLOAD', message: expect.stringContaining('cannot be decoded: x') };
    await expect(drain.of(1)).rejects.toMatchObject(error);
  });

  it('is answered in a shutdown when there is time, and else refused', async () => {
    const quick = createWriter([storedWith([1])]);
    const one = startDrain({ ranges: [rangeOf(1)], writers: [quick.pool] });
    const answered = one.drain.of(1);
    await one.drain.shutdown({ deadlineMs: 5000 });
    expect((await answered).sequence).toBe(1);

    const stuck = createWriter(always(DOWN));
    const other = startDrain({ ranges: [rangeOf(1)], writers: [stuck.pool] });
    const refused = expect(other.drain.of(1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await other.drain.shutdown({ deadlineMs: 20 });
    await refused;
    await expect(other.drain.of(2)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const writer = createWriter([storedWith([1])]);
    const { drain } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool] });
    await drain.of(1);
    await drain.shutdown({ deadlineMs: 1000 });
    expect(timers()).toBe(before);
  });
});

describe('a deletion', () => {
  it('waits for what another writer is still storing of the time before', async () => {
    const [first, second] = [heldWriter(), heldWriter()];
    const ranges = [rangeOf(1), rangeOf(2)];
    const { released, drain } = startDrain({ ranges, writers: [first.pool, second.pool] });
    const answered = drain.of(2);
    await until(() => first.asked.length + second.asked.length === 2);
    const [earlier, later] = first.asked[0] === 'store 1' ? [first, second] : [second, first];
    later.answer('store 2', storedWith([2], { deletions: [deletionOf(2)] }));
    await sleep(20);
    expect(later.asked).toEqual(['store 2']);
    earlier.answer('store 1', STORED);
    await until(() => later.asked.length === 2);
    expect(later.asked[1]).toBe('delete 2');
    later.answer('delete 2', DELETED);
    // Whose the traces were is remembered by the other one, too.
    await until(() => earlier.asked.includes('forget 2'));
    earlier.answer('forget 2', { outcome: 'forgotten' });
    expect((await answered).sequence).toBe(2);
    await until(() => released.length === 2);
  });

  it('is answered when the traces are gone and nothing refers to them', async () => {
    const { batches, open, trail } = heldTrail();
    const writer = heldWriter();
    const { drain, released } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool], auditTrail: trail });
    let answered = false;
    const waiting = drain.of(1).then(() => {
      answered = true;
    });
    await until(() => writer.asked.length === 1);
    writer.answer('store 1', storedWith([1], { deletions: [deletionOf(1)] }));
    await until(() => writer.asked.length === 2);
    expect(batches).toEqual([]);
    writer.answer('delete 1', DELETED);
    await until(() => batches.length === 1);
    const { traceIds, workspace, audit } = deletionOf(1);
    expect(batches).toEqual([{ entries: audit, deleted: [{ workspace, traceId: traceIds[0] }] }]);
    expect([answered, released]).toEqual([false, []]);
    open();
    await waiting;
    expect(released).toEqual([1]);
  });

  it('that can not be carried out is refused, and the audit log is not told of it', async () => {
    const { batches, open, trail } = heldTrail();
    open();
    const deletions = [deletionOf(1), deletionOf(2)];
    const buried: Deleted = { outcome: 'deleted', deadLetters: [{ sequence: 1, reason: 'cannot be deleted: x' }] };
    const writer = createWriter([storedWith([1, 2], { deletions }), buried]);
    const ranges = [{ ...rangeOf(1), lastSequence: 2 }];
    const { drain } = startDrain({ ranges, writers: [writer.pool], auditTrail: trail });
    const refused = expect(drain.of(1)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect((await drain.of(2)).sequence).toBe(2);
    await refused;
    expect(batches.flatMap(({ entries }) => entries)).toEqual(deletionOf(2).audit);
  });
});

describe('what a crash had left stored', () => {
  it('reaches the audit log before it is released, and is not counted as stored again', async () => {
    const { batches, open, trail } = heldTrail();
    const writer = createWriter([storedWith([1], { audit: JSON.stringify([entryOf('buffer:1:0')]) })]);
    const seen: number[] = [];
    const { released } = startDrain({
      ranges: [rangeOf(1)],
      writers: [writer.pool],
      applied: async () => [{ first: 1, last: 1 }],
      auditTrail: trail,
      events: { stored: ({ range }) => seen.push(range.firstSequence) },
    });
    await until(() => batches.length === 1);
    expect(writer.operations).toEqual(['recall']);
    expect(batches[0]!.entries).toEqual([entryOf('buffer:1:0')]);
    expect(released).toEqual([]);
    open();
    await until(() => released.length === 1);
    expect(seen).toEqual([]);
  });
});

describe('an audit trail without room', () => {
  it('lets no further range be taken until it has some', async () => {
    const { opened, open } = gate();
    const writer = createWriter();
    const { released } = startDrain({
      ranges: [rangeOf(1)],
      writers: [writer.pool],
      auditTrail: { room: () => opened },
    });
    await sleep(20);
    expect(writer.tasks).toEqual([]);
    open();
    await until(() => released.length === 1);
  });

  it('does not hold the shutdown past its deadline', async () => {
    const writer = createWriter();
    const auditTrail = { room: () => new Promise<void>(() => {}), append: () => new Promise<void>(() => {}) };
    const { drain, released } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool], auditTrail });
    await drain.shutdown({ deadlineMs: 20 });
    expect(released).toEqual([]);
  });
});

describe('who waits until the backlog of the start is stored', () => {
  it('is told when the last range of it is, whichever that is', async () => {
    const [first, second] = [heldWriter(), heldWriter()];
    const ranges = [rangeOf(1), rangeOf(2), rangeOf(3)];
    const { drain } = startDrain({ ranges, backlog: 2, writers: [first.pool, second.pool] });
    let told = false;
    const caughtUp = drain.caughtUp().then(() => {
      told = true;
    });
    await until(() => first.asked.length + second.asked.length === 2);
    const [one, two] = first.asked[0] === 'store 1' ? [first, second] : [second, first];
    two.answer('store 2', STORED);
    await until(() => two.asked.length === 2);
    expect(told).toBe(false);
    one.answer('store 1', STORED);
    await caughtUp;
  });

  it('is told at once when the buffer was empty', async () => {
    const { drain } = startDrain({ ranges: [], writers: [createWriter().pool] });
    await drain.caughtUp();
  });

  it('is refused in a shutdown', async () => {
    const { drain } = startDrain({ ranges: [rangeOf(1)], backlog: 1, writers: [createWriter(always(DOWN)).pool] });
    const refused = expect(drain.caughtUp()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await drain.shutdown({ deadlineMs: 20 });
    await refused;
  });
});
