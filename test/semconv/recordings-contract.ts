/** What an engine must say of the recorded payloads when they were written to it, in whatever order they came. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOKEN_TYPES } from '../../src/model/generation.js';
import type { DecodedFrame } from '../../src/model/telemetry.js';
import type { StoredGeneration } from '../../src/store/telemetry/generations.js';
import type { TelemetryStore, TelemetryWriter } from '../../src/store/telemetry/telemetry.js';
import { Enrichment } from '../../workers/enrichment.js';
import { decodedFrame } from '../helpers/records.js';
import {
  type ExpectedGeneration,
  hex,
  type RecordedRequest,
  readRecording,
  recordings,
  withoutZeros,
} from './recordings.js';

interface StoreUnderTest {
  readonly store: TelemetryStore;
  writer(): Promise<TelemetryWriter>;
  dispose(): Promise<void>;
}

const BUFFER = 'b0ffe2b0ffe2b0ffe2b0ffe2b0ffe2aa';
const YEAR_2020 = Date.UTC(2020, 0, 1);
const YEAR_2030 = Date.UTC(2030, 0, 1);

type Order = (requests: readonly RecordedRequest[]) => RecordedRequest[];

/** Every span and every log record in a request of its own. */
const alone: Order = (requests) =>
  requests.flatMap(({ spans, logRecords }) => [
    ...spans.map((span) => ({ spans: [span], logRecords: [] })),
    ...logRecords.map((record) => ({ spans: [], logRecords: [record] })),
  ]);

/** A batch is written trace by trace: which of two traces of one request comes first, nobody promises. */
type Certainty = 'of all' | 'of those in one trace' | 'of none';

/** `first`: of which sightings of a call it is known that the recorded first one counts. */
const ORDERS: { name: string; arrange: Order; first: Certainty }[] = [
  { name: 'as they came', arrange: (requests) => [...requests], first: 'of those in one trace' },
  { name: 'the last request first', arrange: (requests) => requests.toReversed(), first: 'of none' },
  { name: 'each record alone', arrange: alone, first: 'of all' },
  { name: 'each record alone, the last first', arrange: (requests) => alone(requests).toReversed(), first: 'of none' },
];

export function recordingsContract(engine: string, open: () => Promise<StoreUnderTest>): void {
  describe(`recorded payloads on ${engine}`, () => {
    let target: StoreUnderTest;
    let writer: TelemetryWriter;
    let sequence = 0;
    const enrichment = new Enrichment();
    beforeAll(async () => {
      target = await open();
      writer = await target.writer();
    });
    afterAll(() => target.dispose());

    async function write(workspace: string, request: RecordedRequest): Promise<void> {
      const frame: DecodedFrame = { ...decodedFrame(++sequence, request), workspace };
      expect(enrichment.enrich(frame)).toBeUndefined();
      await writer.write({ bufferId: BUFFER, range: { first: sequence, last: sequence }, frames: [frame] });
    }

    function sums(workspace: string) {
      const range = { fromUnixMs: YEAR_2020, toUnixMs: YEAR_2030, grain: 'day', series: false } as const;
      return target.store.readUsage({ workspace, ...range, groupBy: [], filters: {} });
    }

    describe.each(ORDERS)('$name', ({ name: order, arrange, first }) => {
      test.each(recordings())(
        '$name is counted once, and its sums are those of its calls',
        async ({ name, folder }) => {
          const workspace = `${order}/${name}`;
          const { requests, expected } = readRecording(folder);
          for (const request of arrange(requests)) await write(workspace, request);
          const traces = new Map(
            requests.flatMap(({ spans }) => spans.map((span) => [hex(span.spanId), span.traceId])),
          );
          const found: Found[] = [];
          for (const wanted of expected.generations) {
            const place = { traceId: traces.get(wanted.spanId)!, spanId: Buffer.from(wanted.spanId, 'hex') };
            const stored = await target.store.getGeneration(workspace, place);
            // What only says whose its trace is may be remembered without a row, and is in no list.
            if (wanted.kind === 'span' && !stored) continue;
            expect(stored, wanted.span).toBeDefined();
            found.push({ wanted, stored: stored! });
          }
          expectWhose(found);
          expectCounted(found, first);
          expect(await sums(workspace)).toEqual(sumsOf(found));
        },
      );
    });
  });
}

interface Found {
  wanted: ExpectedGeneration;
  stored: StoredGeneration;
}

function expectWhose(found: readonly Found[]): void {
  for (const { wanted, stored } of found) {
    if (wanted.usage) expect(withoutZeros(stored.usage)).toEqual(withoutZeros(wanted.usage));
    if (wanted.inherited) expect(stored).toMatchObject(wanted.inherited);
  }
}

const SEEN_ONCE = '';

/** Of one call that was seen twice, one sighting. */
function expectCounted(found: readonly Found[], first: Certainty): void {
  const calls = new Map<string, Found[]>();
  for (const one of found) {
    const call = one.wanted.counted === undefined ? SEEN_ONCE : callOf(one.wanted);
    calls.set(call, [...(calls.get(call) ?? []), one]);
  }
  for (const [call, sightings] of calls) {
    const isCertain = call === SEEN_ONCE || isFirstCertain(sightings, first);
    const told = sightings.map(({ wanted, stored }) => [wanted.span, stored.counted]);
    if (isCertain)
      expect(told).toEqual(sightings.map(({ wanted, stored }) => [wanted.span, countedIn(wanted, stored)]));
    else expect(told.filter(([, counted]) => counted)).toHaveLength(1);
  }
}

/** Where no response has an id, by their tokens: no two calls of a recording have the same. */
function callOf({ responseId, usage }: ExpectedGeneration): string {
  return responseId || JSON.stringify(usage);
}

function isFirstCertain(sightings: readonly Found[], first: Certainty): boolean {
  const traces = new Set(sightings.map(({ stored }) => hex(stored.traceId)));
  return first === 'of all' || (first === 'of those in one trace' && traces.size === 1);
}

/** Where nothing is expected, a matter of taste. */
function countedIn({ counted, countable }: ExpectedGeneration, stored: StoredGeneration): boolean {
  return counted ?? countable ?? stored.counted;
}

/** From expected.json alone, but for which of two sightings counts. */
function sumsOf(found: readonly Found[]): unknown[] {
  const counted = found.filter(({ stored }) => stored.counted);
  if (counted.length === 0) return [];
  const tokens = (type: string) => counted.reduce((sum, { wanted }) => sum + (wanted.usage?.[type] ?? 0), 0);
  const usage = Object.fromEntries(TOKEN_TYPES.map((type) => [type, tokens(type)]));
  const errors = counted.filter(({ wanted, stored }) => wanted.isError ?? stored.isError).length;
  return [expect.objectContaining({ requests: counted.length, errors, usage })];
}
