import { describe, expect, it } from 'vitest';
import { Batch, batchesOf, type Part, smaller } from '../../exporters/batch.js';
import { countItems, cutToSize, halvesOf } from '../../exporters/split.js';
import { SIGNALS, type Signal } from '../../src/component.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { range } from '../buffer/fixture.js';
import { Random, randomRequest, toProtobufjs } from '../otlp/random-request.js';
import { encodeReference } from '../otlp/reference.js';
import { field, message } from '../otlp/wire.js';
import { spanOf } from './fixture.js';

/** Every record as text, with its resource and scope. */
function recordsOf(signal: Signal, payload: Buffer): string[] {
  const { spans, logRecords, metricPoints } = decodeRequest({ signal, encoding: 'protobuf', payload });
  const text = (record: object) =>
    JSON.stringify(record, (_, value) =>
      typeof value === 'bigint'
        ? String(value)
        : value instanceof Uint8Array
          ? Buffer.from(value).toString('hex')
          : value,
    );
  return [...spans, ...logRecords, ...metricPoints].map((record) => text(record));
}

function encodeRandom(signal: Signal, seed: number): Buffer {
  return encodeReference(signal, toProtobufjs(randomRequest(new Random(seed), signal)) as object);
}

function cutToPieces(payload: Buffer): Buffer[] {
  const halves = halvesOf(payload);
  return halves ? halves.flatMap(cutToPieces) : [payload];
}

describe.each(SIGNALS)('%s', (signal) => {
  it('cut to the last piece are the records that they were, with their resources and scopes', () => {
    let pieces = 0;
    for (const seed of range(1, 60)) {
      const payload = encodeRandom(signal, seed);
      const cut = cutToPieces(payload);
      pieces += cut.length;
      expect(cut.flatMap((piece) => recordsOf(signal, piece))).toEqual(recordsOf(signal, payload));
      expect(cut.reduce((sum, piece) => sum + countItems(signal, piece), 0)).toBe(countItems(signal, payload));
    }
    expect(pieces).toBeGreaterThan(80);
  });
});

describe('halves', () => {
  it('have about as many bytes each, and both what stands beside the items', () => {
    const resource = message(1, field(99, 2, Buffer.from('resource')));
    const unknown = field(77, 2, Buffer.from('unknown'));
    const spans = range(0, 39).map((number) => spanOf(number, number === 0 ? 4000 : 100));
    const [first, second] = halvesOf(message(1, resource, unknown, message(2, ...spans)))!;
    expect(Math.abs(first.length - second.length)).toBeLessThan(1000);
    for (const half of [first, second]) expect(half.includes(Buffer.concat([resource, unknown]))).toBe(true);
    expect(countItems('traces', first) + countItems('traces', second)).toBe(40);
  });

  it('are none of one span, of one metric whatever its points, and of nothing', () => {
    expect(halvesOf(message(1, message(2, spanOf(1))))).toBeUndefined();
    const points = range(1, 9).map(() => message(1, field(3, 1, Buffer.alloc(8))));
    const metric = message(1, message(2, message(2, message(5, ...points))));
    expect(halvesOf(metric)).toBeUndefined();
    expect(countItems('metrics', metric)).toBe(9);
    expect(halvesOf(Buffer.alloc(0))).toBeUndefined();
  });

  it('are not made where a resource is most of a request: more bytes would go out, not smaller requests', () => {
    const resource = message(1, field(99, 2, Buffer.alloc(50_000)));
    const payload = message(1, resource, message(2, spanOf(1), spanOf(2)));
    const whole = { piece: '', items: 2, payload };
    expect(cutToSize({ signal: 'traces', ...whole, maxBytes: 40_000 })).toEqual([whole]);
  });

  it('count as points only what is of the wire type of points', () => {
    const odd = message(5, field(1, 0, Buffer.from([1])), message(1));
    const metric = message(2, field(5, 0, Buffer.from([1])), field(7, 1, Buffer.alloc(8)), odd);
    expect(countItems('metrics', message(1, message(2, metric, metric)))).toBe(2);
  });
});

describe('a request that is cut to a size', () => {
  const spans = range(0, 19).map((number) => spanOf(number, 300));
  const task = { signal: 'traces', payload: message(1, message(2, ...spans)), items: 20 } as const;

  it('is within it, keeps every item, and says of each piece which half of which half it is', () => {
    const pieces = cutToSize({ ...task, maxBytes: 2000 });
    expect(pieces.length).toBeGreaterThan(3);
    for (const { payload } of pieces) expect(payload.length).toBeLessThanOrEqual(2000);
    expect(pieces.reduce((sum, { items }) => sum + items, 0)).toBe(20);
    expect(new Set(pieces.map(({ piece }) => piece)).size).toBe(pieces.length);
    for (const { piece } of pieces) expect(piece).toMatch(/^[01]+$/);
    expect(pieces.flatMap(({ payload }) => recordsOf('traces', payload as Buffer))).toEqual(
      recordsOf('traces', task.payload),
    );
  });

  it('stays whole when it is small enough, and when it can’t be read', () => {
    expect(cutToSize({ ...task, maxBytes: 100_000 })).toMatchObject([{ piece: '', items: 20 }]);
    const payload = Buffer.concat([task.payload, Buffer.from([0x0a, 0xff])]);
    expect(cutToSize({ ...task, payload, maxBytes: 2000 })).toEqual([{ piece: '', items: 20, payload }]);
  });
});

describe('batches', () => {
  const part = (sequence: number, bytes: number, rest: Partial<Part> = {}): Part => ({
    sequence,
    piece: '',
    signal: 'traces',
    workspace: 'w',
    items: 1,
    receivedTimeUnixMs: 1,
    payload: Buffer.alloc(bytes),
    ...rest,
  });
  const limits = { maxRequestBytes: 1000, maxRequestItems: 10 };
  const cut = async (whole: Part, maxBytes: number) => [
    { ...whole, piece: '0', payload: whole.payload.subarray(0, maxBytes) },
    { ...whole, piece: '1', payload: whole.payload.subarray(maxBytes) },
  ];
  const sequencesOf = async (parts: Part[]) => {
    const batches = await batchesOf(parts, limits, ({ signal }) => signal, cut);
    return batches.map((batch) => batch.parts.map(({ sequence }) => sequence));
  };

  it('are filled up to the bytes and to the items, in order, and never hold two signals', async () => {
    expect(await sequencesOf([part(1, 500), part(2, 500), part(3, 1), part(4, 999), part(5, 10)])).toEqual([
      [1, 2],
      [3, 4],
      [5],
    ]);
    expect(await sequencesOf([part(1, 1, { items: 9 }), part(2, 1, { items: 2 }), part(3, 1, { items: 50 })])).toEqual([
      [1],
      [2],
      [3],
    ]);
    expect(await sequencesOf([part(1, 1), part(2, 1, { signal: 'logs' }), part(3, 1)])).toEqual([[1, 3], [2]]);
    expect(await sequencesOf([])).toEqual([]);
  });

  it('larger than a request are cut, their neighbours not', async () => {
    expect(await sequencesOf([part(1, 500), part(2, 1500), part(3, 500)])).toEqual([[1], [2], [2], [3]]);
  });

  it('that a backend finds too large are halved between frames, else within one, and not below a kilobyte', async () => {
    const halves = await smaller(new Batch([part(1, 900), part(2, 900)]), cut);
    expect(halves?.map(({ bytes }) => bytes)).toEqual([900, 900]);
    const pieces = await smaller(new Batch([part(1, 1500)]), cut);
    expect(pieces?.map(({ bytes }) => bytes)).toEqual([1499, 1]);
    expect(await smaller(new Batch([part(1, 1000)]), cut)).toBeUndefined();
    expect(await smaller(new Batch([part(1, 1500)]), async (whole) => [whole])).toBeUndefined();
  });
});
