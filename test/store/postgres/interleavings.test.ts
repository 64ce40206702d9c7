/** Gateways that write of the same traces and calls at once leave what they would have left one after the other. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Generation } from '../../../src/model/generation.js';
import type { DecodedFrame, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader, StoredGeneration } from '../../../src/store/telemetry/generations.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { decodedFrame, type RecordSource, randomSource, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { StoredGenerations } from '../telemetry/contracts/generations/session.js';
import { expectSumsOfRows } from '../telemetry/contracts/generations/sums-of-rows.js';
import { groupedBy, llmSpan, storedGenerations } from './generation-records.js';
import { BUFFER, openSetting, type Setting } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const GATEWAYS = 3;
const TRACES = 5;
const RESPONSES = 12;
const BATCHES = 10;
const REVISES = { native: { traces: [], revises: true, idempotency: undefined } };

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

/** Spans of few traces, that see few calls: each batch has something to do with each other one. */
class Traffic {
  readonly sent: Span[] = [];
  readonly traceIds: readonly Uint8Array[];
  readonly random: () => number;
  private readonly source: RecordSource;
  private readonly roots: Span[];

  constructor(seed: number) {
    this.random = randomSource(seed);
    this.source = recordSource(seed);
    this.roots = Array.from({ length: TRACES }, (_, at) =>
      llmSpan(
        this.source,
        { kind: 'agent', countable: false, sessionId: at % 2 === 0 ? `of root ${at}` : '', userId: `u${at % 2}` },
        { parentSpanId: undefined },
      ),
    );
    this.traceIds = this.roots.map(({ traceId }) => traceId);
  }

  /** Each span once, some again, in any order; a root comes in some batch of its own choice. */
  batch(): Span[] {
    const calls = Array.from({ length: 1 + (this.random() % 8) }, () => this.call());
    const root = this.random() % 4 === 0 ? this.roots.splice(this.random() % TRACES, 1) : [];
    const again = this.sent.filter(() => this.random() % 10 === 0);
    const spans = [...calls, ...root, ...again];
    this.sent.push(...calls, ...root);
    return spans
      .map((span) => ({ span, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ span }) => span);
  }

  /** The roots that no batch had. */
  rest(): Span[] {
    return this.roots.splice(0);
  }

  private call(): Span {
    const trace = this.random() % TRACES;
    const of: Partial<Generation> = {
      requestModel: 'm',
      responseModel: '',
      responseId: this.random() % 3 === 0 ? '' : `r${this.random() % RESPONSES}`,
      sessionId: this.random() % 5 === 0 ? `own ${this.random() % 3}` : '',
      usage: { input: 1 + (this.random() % 1_000) },
    };
    return llmSpan(this.source, of, { traceId: this.traceIds[trace]!, parentSpanId: this.source.id(8) });
  }
}

describe.skipIf(!server)('Postgres: gateways that write of the same traces at once', () => {
  let settings: Setting[];
  let sequence = 0;
  beforeEach(() => {
    settings = [];
    sequence = 0;
  });
  afterEach(() => Promise.all(settings.map((setting) => setting.close())));

  async function open() {
    const setting = await openSetting(server!);
    settings.push(setting);
    const url = new URL(setting.connectionString);
    url.searchParams.set('options', '-c deadlock_timeout=20ms');
    const writers = await Promise.all(Array.from({ length: GATEWAYS }, () => setting.writer(url.href)));
    return { setting, writers, store: setting.store as Setting['store'] & GenerationReader };
  }

  /** As the drain does: a deletion that waited for others in a ring is for the next try. */
  async function again(work: () => Promise<unknown>): Promise<unknown> {
    return work().catch((error) => (error.code === 'STORE_UNAVAILABLE' ? again(work) : Promise.reject(error)));
  }

  function write(by: TelemetryWriter, records: Partial<DecodedFrame>) {
    const at = ++sequence;
    return by.write({ bufferId: BUFFER, range: { first: at, last: at }, frames: [decodedFrame(at, records)] });
  }

  /** Each gateway takes the next when it is ready. One that is refused fails the test. */
  async function atOnce(
    writers: readonly TelemetryWriter[],
    works: readonly ((by: TelemetryWriter) => Promise<unknown>)[],
  ) {
    const left = [...works];
    const run = async (by: TelemetryWriter) => {
      for (let work = left.shift(); work; work = left.shift()) await work(by);
    };
    await Promise.all(writers.map(run));
  }

  /** What a trace says of itself its root says, or else its earliest span that says anything. */
  function expectSessionsOfTraces(rows: readonly StoredGeneration[], spans: readonly Span[]): void {
    const bySpan = new Map(spans.map((span) => [hex(span.spanId), span]));
    const said = ({ spanId }: StoredGeneration) => bySpan.get(hex(spanId!))!.generation!.sessionId;
    for (const ofTrace of groupedBy(rows, ({ traceId }) => hex(traceId!)).values()) {
      const tellers = ofTrace.filter((row) => said(row) !== '');
      const isRoot = ({ spanId }: StoredGeneration) => !bySpan.get(hex(spanId!))!.parentSpanId;
      tellers.sort(
        (a, b) => Number(isRoot(b)) - Number(isRoot(a)) || (a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1),
      );
      const told = tellers[0] ? said(tellers[0]) : '';
      expect(ofTrace.map(({ sessionId }) => sessionId)).toEqual(ofTrace.map((row) => said(row) || told));
    }
  }

  function expectEachCallOnce(rows: readonly StoredGeneration[]): void {
    const responses = groupedBy(
      rows.filter(({ kind, responseId }) => kind === 'llm' && responseId !== ''),
      ({ responseId }) => responseId,
    );
    for (const [id, sightings] of responses)
      expect([id, sightings.filter((row) => row.counted).length]).toEqual([id, 1]);
    const others = rows.filter(({ kind, responseId }) => kind === 'llm' && responseId === '');
    expect(others.filter((row) => !row.counted)).toEqual([]);
  }

  /** Without which of several sightings counts, and when they came. */
  const toldOf = (rows: readonly StoredGeneration[]) =>
    rows.map(({ spanId, sessionId, userId }) => `${hex(spanId!)} ${sessionId} ${userId}`).sort();

  it.each([1, 2])(
    'calls are counted twice or never, or get another session than one after the other (seed %i)',
    async (seed) => {
      const [together, apart] = await Promise.all([open(), open()]);
      const traffic = new Traffic(seed);
      const batches = Array.from({ length: BATCHES }, () => traffic.batch());
      batches.push(traffic.rest());
      await atOnce(
        together.writers,
        batches.map((spans) => (by) => write(by, { spans })),
      );
      for (const spans of batches) await write(apart.writers[0]!, { spans });
      const rows = await storedGenerations(together.store);
      expect(toldOf(rows)).toEqual(toldOf(await storedGenerations(apart.store)));
      expectSessionsOfTraces(rows, batches.flat());
      expectEachCallOnce(rows);
      await expectSumsOfRows(new StoredGenerations(together.store));
    },
  );

  it.each([4])(
    'revisions and deletions leave a sum, a session or a span that the rows do not say (seed %i)',
    async (seed) => {
      const { setting, writers, store } = await open();
      const traffic = new Traffic(seed);
      await write(writers[0]!, { spans: traffic.rest() });
      const deletion = (at: number) => (by: TelemetryWriter) => {
        const traceId = traffic.traceIds[at]!;
        const deletions = [{ workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER }];
        return again(() => by.deleteTraces(deletions));
      };
      const revision = () => {
        const spans = traffic.sent.filter(() => traffic.random() % 8 === 0);
        return (by: TelemetryWriter) => write(by, { ...REVISES, spans });
      };
      const works = Array.from({ length: BATCHES }, (_, at) => {
        const spans = traffic.batch();
        const change = at % 3 === 2 ? deletion(traffic.random() % TRACES) : revision();
        return [(by: TelemetryWriter) => write(by, { spans }), change];
      });
      await atOnce(writers, works.flat());
      const rows = await storedGenerations(store);
      const spans = await setting.sql<{ id: string }>("select encode(span_id, 'hex') as id from spans order by id");
      expect(rows.map(({ spanId }) => hex(spanId!)).sort()).toEqual(spans.map(({ id }) => id));
      expectEachCallOnce(rows);
      await expectSumsOfRows(new StoredGenerations(store));
    },
  );
});
