import path from 'node:path';
import { expect, it } from 'vitest';
import { createObservability } from '../src/observability/observability.js';
import { createTracking } from '../src/tracking.js';
import { createDeadLetterBox } from '../workers/dead-letters.js';
import { drain, frameOf, numbered, temporaryDirectory, testBuffer } from './buffer/fixture.js';

async function tracked({ isStarted = true } = {}) {
  const directory = await temporaryDirectory();
  const buffer = testBuffer({ directory });
  const tracking = createTracking({
    buffer,
    directory,
    deadLetters: createDeadLetterBox(path.join(directory, 'dead-letter')),
    observability: createObservability({ config: { level: 'silent', format: 'json' }, version: '1' }),
  });
  for (const name of ['store', 'tempo']) buffer.consumer(name);
  await buffer.start();
  const batches = tracking.batches({ states: () => ({}) });
  if (isStarted) await tracking.component.start();
  const append = async (workspace: string) => {
    const { batchId } = await tracking.next.append(frameOf(numbered(1), { workspace }));
    return batchId!;
  };
  const statesOf = (workspace: string, id: string) => {
    const fates = Object.entries(batches.find(workspace, id)?.fates ?? {});
    return Object.fromEntries(fates.map(([name, { state }]) => [name, state]));
  };
  return { buffer, tracking, batches, append, statesOf };
}

const frame = { signal: 'traces', encoding: 'protobuf', items: 1, receivedTimeUnixMs: 1 } as const;

it("a dead letter of several requests is told of those of its workspace, and after its replay they are the backend's", async () => {
  const { buffer, tracking, append, statesOf } = await tracked();
  const [first, theirs, second] = [await append('ours'), await append('theirs'), await append('ours')];
  for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
  const letter = { bufferId: buffer.id, exporter: 'tempo', sequence: 1, lastSequence: 3, reason: 'HTTP 400: no' };
  await tracking.deadLetters.add({ ...letter, frame: { ...frame, workspace: 'ours' }, payload: numbered(1) });
  for (const id of [first, second]) expect(statesOf('ours', id)).toEqual({ store: 'done', tempo: 'dead-letter' });
  expect(statesOf('theirs', theirs)).toEqual({ store: 'done', tempo: 'done' });
  expect(statesOf('ours', theirs)).toEqual({});
  const [kept] = await tracking.deadLetters.list();
  await tracking.deadLetters.replay(kept!.id, buffer, async () => {});
  expect(statesOf('ours', second)).toEqual({ store: 'done', tempo: 'done' });
});

it('what the store set aside is followed through its replay into the buffer', async () => {
  const { buffer, tracking, append, statesOf } = await tracked();
  const id = await append('ours');
  for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
  await tracking.deadLetters.add({
    ...{ bufferId: buffer.id, sequence: 1, reason: 'what is this', payload: numbered(1) },
    frame: { ...frame, workspace: 'ours' },
  });
  tracking.drainEvents.deadLettered({ sequence: 1, reason: 'what is this' });
  expect(statesOf('ours', id)).toEqual({ store: 'dead-letter', tempo: 'done' });
  const [letter] = await tracking.deadLetters.list();
  await tracking.deadLetters.replay(letter!.id, buffer);
  expect(statesOf('ours', id)).toEqual({ store: 'waiting', tempo: 'done' });
  drain(buffer.consumer('store'));
  expect(statesOf('ours', id)).toEqual({ store: 'done', tempo: 'done' });
});

it('what a backend refused a part of, or what is damaged on disk, is not told as sent', async () => {
  const { buffer, tracking, batches, append, statesOf } = await tracked();
  const ids = [await append('ours'), await append('ours'), await append('ours'), await append('ours')];
  for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
  const sent = {
    exporter: 'tempo',
    signal: 'traces',
    items: 2,
    bytes: 9,
    message: 'of theirs',
    durationMs: 1,
  } as const;
  tracking.exporterEvents.delivered({ ...sent, range: { first: 1, last: 2 }, rejected: 1 });
  tracking.exporterEvents.delivered({ ...sent, range: { first: 4, last: 4 }, rejected: 0 });
  const unusable = { exporter: 'tempo', frames: 1, buried: 0, reason: 'the checksum of the payload is wrong' };
  tracking.exporterEvents.unusable({ ...unusable, damaged: { first: 3, last: 3 } });
  tracking.exporterEvents.unusable({ ...unusable, buried: 1 });
  expect(ids.map((id) => statesOf('ours', id).tempo)).toEqual(['partial', 'partial', 'unreadable', 'done']);
  expect(batches.find('ours', ids[0]!)!.fates.tempo!.exception!.reason).not.toContain('theirs');
});

it('a request that comes while the gateway starts is not stored and yet answered as failed', async () => {
  const { buffer, batches, append } = await tracked({ isStarted: false });
  await expect(append('ours')).rejects.toMatchObject({ code: 'SHUTTING_DOWN', retryable: true });
  expect(buffer.stats().frames).toBe(0);
  expect(() => batches.find('ours', 'x')).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }));
});
