/** Two writers of one directory, in processes of their own, that write at the same moment what belongs together. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listBlocks } from '../../../src/store/telemetry/sqlite/block-files.js';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { processFile } from '../../helpers/process-file.js';
import type { RacingBatch, RacingSighting } from './racing-writer.js';
import { query } from './sqlite-files.js';

const WRITER = processFile('test/store/telemetry/racing-writer.ts');
const ROUNDS = 12;
const CALLS = 40;
const EVER = { workspace: 'default', fromUnixMs: 0, toUnixMs: 4_102_444_800_000, grain: 'day' } as const;

async function startWriter(directory: string, number: number): Promise<ChildProcess> {
  const child = fork(WRITER, [directory, `${number}`]);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child, 'message');
  return child;
}

async function writeWith(child: ChildProcess, batch: RacingBatch): Promise<void> {
  child.send(batch);
  await once(child, 'message');
}

const hex = (number: number) => number.toString(16).padStart(32, '0');

/** A call as each of two instrumentations sees it: half of them in one trace, where one of the two alone knows the session. */
function sightingsOf(call: number): [RacingSighting, RacingSighting] {
  const isOneTrace = call % 2 === 0;
  const responseId = `response-${call}`;
  const one = { traceId: hex(call * 2 + 2), responseId, sessionId: isOneTrace ? `session-${call % 7}` : '' };
  return [one, { traceId: isOneTrace ? one.traceId : hex(call * 2 + 3), responseId, sessionId: '' }];
}

/** What the application logs of its calls, and names no trace. */
function loggedCall(call: number): [RacingSighting, RacingSighting] {
  const [span, other] = sightingsOf(call);
  return [span, { ...other, traceId: '' }];
}

it('count a call once that both see, and give both the session that one of them is told', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'races-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const writers = await Promise.all([startWriter(directory, 0), startWriter(directory, 1)]);
  const write = async (number: 0 | 1, round: number, calls: readonly [RacingSighting, RacingSighting][]) => {
    const batch = { sequence: round * 2 + number + 1, sightings: calls.map((call) => call[number]) };
    await writeWith(writers[number], batch);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const see = round % 2 === 0 ? sightingsOf : loggedCall;
    const calls = Array.from({ length: CALLS }, (_, at) => see(round * CALLS + at));
    await Promise.all([write(0, round, calls), write(1, round, calls)]);
  }
  const reader = new SqliteReader(directory);
  onTestFinished(() => reader.close());
  const [usage] = reader.readUsage({ ...EVER, series: false, groupBy: [], filters: {} });
  expect(usage!.requests).toBe(ROUNDS * CALLS);
  const ofSessions = listBlocks(directory).map(({ file, writer }) => {
    const sql = 'SELECT count(session_id) AS generations FROM generations';
    return { writer, ...query<{ generations: number }>(path.join(directory, file), sql)[0]! };
  });
  const ofOneTrace = (ROUNDS * CALLS) / 2;
  expect(ofSessions.sort((a, b) => a.writer - b.writer)).toEqual([
    { writer: 0, generations: ofOneTrace },
    { writer: 1, generations: ofOneTrace / 2 },
  ]);
});
