/** 64 KiB of gzip held 33 million log records: acknowledged, and then no thread could decode them, at any try. */
import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../receivers/otlp/check.js';
import { MAX_ITEMS } from '../../receivers/otlp/request-bounds.js';
import type { Encoding, Signal } from '../../src/component.js';
import { message } from '../otlp/wire.js';

const EMPTY_ITEM = Buffer.from([0x12, 0]);
const EMPTY_POINT = Buffer.from([0x0a, 0]);
const EMPTY_EVENT = Buffer.from([0x5a, 0]);

function repeated(piece: Buffer, times: number): Buffer {
  return Buffer.alloc(piece.length * times, piece);
}

function listOf(items: Buffer): Buffer {
  return message(1, message(2, items));
}

const items: [Signal, (count: number) => Buffer][] = [
  ['logs', (count) => listOf(repeated(EMPTY_ITEM, count))],
  ['traces', (count) => listOf(repeated(EMPTY_ITEM, count))],
  ['metrics', (count) => listOf(message(2, message(5, repeated(EMPTY_POINT, count))))],
];

const jsonItems: [Signal, (objects: string) => string][] = [
  ['logs', (objects) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${objects}]}]}]}`],
  ['traces', (objects) => `{"resourceSpans":[{"scopeSpans":[{"spans":[${objects}]}]}]}`],
  [
    'metrics',
    (objects) => `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[${objects}]}}]}]}]}`,
  ],
];

function check(signal: Signal, encoding: Encoding, body: Buffer) {
  return checkRequest({ signal, encoding, body });
}

const tooLarge = (said: RegExp) =>
  expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', retryable: false, message: expect.stringMatching(said) });

describe('a request of more items than a writer can hold', () => {
  it.each(items)('of %s in protobuf is accepted', (signal, body) => {
    expect(() => check(signal, 'protobuf', body(MAX_ITEMS + 1))).toThrow(tooLarge(/more than 1000000/));
  });

  it.each(jsonItems)('of %s in JSON is accepted', (signal, body) => {
    const objects = repeated(Buffer.from('{},'), MAX_ITEMS).toString('latin1');
    expect(() => check(signal, 'json', Buffer.from(body(`${objects}{}`)))).toThrow(tooLarge(/more than 1000000/));
  });

  it('is refused although it holds just as many as one may', () => {
    expect(check('logs', 'protobuf', listOf(repeated(EMPTY_ITEM, MAX_ITEMS))).accepted).toBe(MAX_ITEMS);
  });

  it('hides them in one span as events', () => {
    const ids = Buffer.concat([message(1, Buffer.alloc(16, 1)), message(2, Buffer.alloc(8, 1))]);
    const body = listOf(message(2, Buffer.concat([ids, repeated(EMPTY_EVENT, 2 ** 24)])));
    expect(() => check('traces', 'protobuf', body)).toThrow(tooLarge(/events, attributes/));
  });
});
