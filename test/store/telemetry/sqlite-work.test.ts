import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { TraceIdentities, type TraceIdentity } from '../../../src/store/telemetry/sqlite/trace-identities.js';
import { generationLog, generationSpan } from '../../helpers/generations.js';
import { recordSource, scope } from '../../helpers/records.js';
import { Session } from './session.js';
import { openSqliteStore } from './sqlite-files.js';

const identity = (session: string): TraceIdentity => ({
  session: { name: session, isSure: true, by: undefined },
  user: { name: '', isSure: false, by: undefined },
});

describe('whose a trace is', () => {
  it('is forgotten of every trace when a batch is rolled back, or kept as that batch said', () => {
    const traces = new TraceIdentities();
    const [before, changed, added] = [1, 2, 3].map((byte) => new Uint8Array(16).fill(byte)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const trace of [before, changed]) traces.set('w', trace, identity('old'));
    traces.committed();
    for (const name of ['new', 'newer']) for (const trace of [changed, added]) traces.set('w', trace, identity(name));
    traces.rollback();
    expect([before, changed, added].map((trace) => traces.get('w', trace)?.session.name)).toEqual([
      'old',
      'old',
      undefined,
    ]);
  });
});

/** Reads of the rows of a trace, which are as many as it has spans. */
function countTraceReads(): { reads: number } {
  const counted = { reads: 0 };
  const prepare = Database.prototype.prepare;
  const spy = vi.spyOn(Database.prototype, 'prepare').mockImplementation(function (this: Database.Database, sql) {
    const statement = prepare.call(this, sql) as Database.Statement;
    if (!sql.includes('CROSS JOIN generations x ON x.id >= b.first_span')) return statement;
    for (const read of ['get', 'all'] as const) {
      const original = statement[read].bind(statement);
      Object.assign(statement, {
        [read]: (...values: unknown[]) => {
          counted.reads++;
          return original(...values);
        },
      });
    }
    return statement;
  } as typeof prepare);
  onTestFinished(() => spy.mockRestore());
  return counted;
}

it('the deletion of a trace prepares statements for each of its rows', async () => {
  const session = new Session(await openSqliteStore());
  const source = recordSource(2);
  const [first] = source.trace(1);
  for (let batch = 0; batch < 30; batch++) {
    await session.writeOne({ spans: source.trace(2, { traceId: first!.traceId }).slice(1) });
  }
  const writer = await session.target.writer();
  const prepare = vi.spyOn(Database.prototype, 'prepare');
  onTestFinished(() => prepare.mockRestore());
  const receivedUntilUnixMs = Number.MAX_SAFE_INTEGER;
  await writer.deleteTraces([{ workspace: 'default', traceId: first!.traceId, receivedUntilUnixMs }]);
  expect(prepare.mock.calls.length).toBeLessThan(60);
});

it('the rows of a trace are read for every log and every call of a batch', async () => {
  const counted = countTraceReads();
  const session = new Session(await openSqliteStore());
  const source = recordSource(1);
  const [traceId, parentSpanId] = [source.id(16), source.id(8)];
  const calls = () =>
    Array.from({ length: 40 }, (_, at) =>
      generationSpan(source, {}, { traceId, parentSpanId, scope: scope(at % 2 === 0 ? 'a' : 'b') }),
    );
  const logRecords = () => Array.from({ length: 40 }, () => generationLog(source, {}, { traceId }));
  for (let batch = 0; batch < 5; batch++) {
    await session.writeOne({ spans: calls(), logRecords: logRecords() });
  }
  expect(counted.reads).toBeLessThan(5 * 4);
});
