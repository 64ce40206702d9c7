/** Gateways on one database, none of which is told what another one does. */

import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DecodedFrame, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader, StoredGeneration } from '../../../src/store/telemetry/generations.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { decodedFrame, type RecordSource, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { StoredGenerations } from '../telemetry/contracts/generations/session.js';
import { expectSumsOfRows } from '../telemetry/contracts/generations/sums-of-rows.js';
import { llmSpan, storedGenerations } from './generation-records.js';
import { BUFFER, openSetting, type Setting } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const REVISES = { native: { traces: [], revises: true, idempotency: undefined } };

describe.skipIf(!server)('Postgres: a gateway that another one tells nothing', () => {
  let setting: Setting;
  let store: GenerationReader;
  let gateway: TelemetryWriter;
  let other: TelemetryWriter;
  let source: RecordSource;
  let sequence = 0;

  beforeEach(async () => {
    setting = await openSetting(server!);
    store = setting.store as Setting['store'] & GenerationReader;
    [gateway, other] = await Promise.all([setting.writer(), setting.writer()]);
    source = recordSource(11);
    sequence = 0;
  });
  afterEach(() => setting.close());

  function write(by: TelemetryWriter, records: Partial<DecodedFrame>) {
    const at = ++sequence;
    return by.write({ bufferId: BUFFER, range: { first: at, last: at }, frames: [decodedFrame(at, records)] });
  }

  /** A web request that says whose it is: no call of a model. */
  const quietRoot = (sessionId: string) =>
    llmSpan(
      source,
      { kind: 'span', countable: false, usage: {}, cost: undefined, sessionId },
      { parentSpanId: undefined },
    );
  const callUnder = ({ traceId, spanId }: Span) => llmSpan(source, {}, { traceId, parentSpanId: spanId });
  const deletionOf = ({ traceId }: Span) => [
    { workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
  ];
  const sessions = async () => (await storedGenerations(store)).map(({ kind, sessionId }) => `${kind} ${sessionId}`);

  /** Nobody passes what is locked until it is let go of. */
  async function holding(lock: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: setting.connectionString });
    await client.connect();
    let isHeld = true;
    const letGo = async () => {
      if (isHeld) await client.end();
      isHeld = false;
    };
    onTestFinished(letGo);
    await client.query('begin');
    await client.query(lock);
    return letGo;
  }

  async function untilWaiting(count: number): Promise<void> {
    const sql = `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await setting.sql<{ waiting: number }>(sql))[0]!.waiting < count);
  }

  it('gives a call the session of a root that is deleted', async () => {
    const root = quietRoot('s1');
    await write(gateway, { spans: [root] });
    await other.deleteTraces(deletionOf(root));
    await write(gateway, { spans: [callUnder(root)] });
    expect(await sessions()).toEqual(['llm ']);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('gives a call the session that its root said before it was revised', async () => {
    const root = quietRoot('s1');
    await write(gateway, { spans: [root] });
    await write(other, { ...REVISES, spans: [{ ...root, generation: undefined }] });
    await write(gateway, { spans: [callUnder(root)] });
    expect(await sessions()).toEqual(['llm ']);
  });

  it('loses the session of a root that nobody touched', async () => {
    const [root, deleted] = [quietRoot('s1'), quietRoot('s2')];
    await write(gateway, { spans: [root, deleted] });
    await other.deleteTraces(deletionOf(deleted));
    await write(gateway, { spans: [callUnder(root), callUnder(deleted)] });
    expect((await sessions()).sort()).toEqual(['llm ', 'llm s1', 'span s1']);
  });

  it('gives a call the session of a root that is just being deleted, or waits for that', async () => {
    const root = quietRoot('s1');
    await write(gateway, { spans: [root] });
    const letGo = await holding('lock table content_places in access exclusive mode');
    const deletion = other.deleteTraces(deletionOf(root));
    await untilWaiting(1);
    await write(gateway, { spans: [callUnder(root)] });
    await letGo();
    await deletion;
    expect(await sessions()).toEqual(['llm ']);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('leaves a root without its span when it is deleted while its session is handed on', async () => {
    const root = quietRoot('s1');
    const asked = { responseId: 'resp_1' };
    await write(gateway, { spans: [root, llmSpan(source, asked)] });
    const letGo = await holding('select from response_calls for update');
    const writing = write(gateway, { spans: [{ ...callUnder(root), generation: llmSpan(source, asked).generation }] });
    await untilWaiting(1);
    const deletion = other.deleteTraces(deletionOf(root));
    await untilWaiting(2);
    await letGo();
    await Promise.all([writing, deletion]);
    await expectSpanOfEach();
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('is refused a batch of spans that another one is sent in another order', async () => {
    const url = new URL(setting.connectionString);
    url.searchParams.set('options', '-c deadlock_timeout=50ms');
    const writers = await Promise.all([setting.writer(url.href), setting.writer(url.href)]);
    const [first, held, last] = Array.from({ length: 3 }, () => llmSpan(source)) as [Span, Span, Span];
    const letGo = await holding(
      `insert into spans (start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, resource_id, scope_id, flags, kind,
         status_code, dropped_attributes_count, dropped_events_count, dropped_links_count, trace_id, span_id, workspace, name,
         attributes)
       values (${held.startTimeUnixNano}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '${hex(held.traceId)}', '\\x${hex(held.spanId)}', 'default',
         'held', '{}')`,
    );
    const spans = [first, held, last];
    const writing = Promise.all([write(writers[0], { spans }), write(writers[1], { spans: spans.toReversed() })]);
    await untilWaiting(2);
    await letGo();
    const written = await writing;
    expect(written.map((result) => result.spans).sort()).toEqual([0, 3]);
    expect(await expectSpanOfEach()).toBe(3);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('leaves a call uncounted that was seen again just before its counted sighting was deleted', async () => {
    const deleted = llmSpan(source);
    await write(gateway, { spans: [deleted] });
    // The lock that a deletion begins with, once it has looked for who counts next.
    const letGo = await holding('select pg_advisory_xact_lock_shared(2750918003417)');
    const deletion = other.deleteTraces(deletionOf(deleted));
    await untilWaiting(1);
    const asked = { responseId: 'resp_1' };
    await write(gateway, { spans: [llmSpan(source, asked, { traceId: deleted.traceId })] });
    await write(gateway, { spans: [llmSpan(source, asked)] });
    await letGo();
    await deletion;
    expect((await storedGenerations(store)).map((row) => row.counted)).toEqual([true]);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('leaves a span without its call, or a call without its span, when its trace is deleted meanwhile', async () => {
    const first = llmSpan(source, { sessionId: 's1' });
    await write(gateway, { spans: [first] });
    const letGo = await holding('lock table content_places in access exclusive mode');
    const deletion = other.deleteTraces(deletionOf(first));
    await untilWaiting(1);
    await write(gateway, { spans: [callUnder(first)] });
    await letGo();
    await deletion;
    expect(await expectSpanOfEach()).toBe(1);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  /** Every span here has told of a call. Answers how many there are. */
  async function expectSpanOfEach(): Promise<number> {
    const spans = await setting.sql<{ id: string }>("select encode(span_id, 'hex') as id from spans order by id");
    const rows = (await storedGenerations(store)).map(({ spanId }: StoredGeneration) => hex(spanId!));
    expect(rows.sort()).toEqual(spans.map(({ id }) => id));
    return spans.length;
  }
});

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
