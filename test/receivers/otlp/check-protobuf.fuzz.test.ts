import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../receivers/otlp/check.js';
import type { CheckResult } from '../../../receivers/otlp/check-result.js';
import { SIGNALS, type Signal } from '../../../src/component.js';
import { GatewayError } from '../../../src/errors.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { mutate } from '../../otlp/mutate.js';
import { Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import {
  decodeReference,
  encodeReference,
  isSpanUsable,
  itemsOf,
  type Loose,
  recordsOf,
} from '../../otlp/reference.js';

const VALID_REQUESTS = 1000;
const MUTATIONS_EACH = 12;
/** The documented differences from protobufjs: it counts the depth of messages, we that of values and of groups. */
const TOO_DEEP = /max depth exceeded|nest deeper/;

function checked(signal: Signal, body: Buffer): CheckResult | GatewayError {
  try {
    return checkRequest({ signal, encoding: 'protobuf', body });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'INVALID_PAYLOAD') return error;
    throw error;
  }
}

function reference(signal: Signal, body: Buffer): Loose {
  try {
    return decodeReference(signal, body);
  } catch (error) {
    return error;
  }
}

/** Whether the request may be refused for what it looks like, though it can be decoded. */
function mayBeMisdirected(signal: Signal, request: Loose): boolean {
  const items = itemsOf(signal, request);
  if (items.length === 0) return false;
  if (signal === 'traces') return !items.some(isSpanUsable);
  return signal === 'logs' || recordsOf(signal, request).metricPoints.length === 0;
}

/** `toEqual` takes its time, which it is worth only for what it then shows. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

const verdicts = { accepted: 0, refused: 0 };

function agree(signal: Signal, body: Buffer): void {
  const result = checked(signal, body);
  const request = reference(signal, body);
  if (TOO_DEEP.test(String(request)) || TOO_DEEP.test(String(result))) return;
  if (request instanceof Error) {
    expect(result, `protobufjs: ${request.message}`).toBeInstanceOf(GatewayError);
    verdicts.refused += 1;
    return;
  }
  const records = recordsOf(signal, request);
  expectSame(decodeRequest({ signal, encoding: 'protobuf', payload: body }), records);
  if (result instanceof GatewayError && /looks like/.test(result.message) && mayBeMisdirected(signal, request)) return;
  if (result instanceof GatewayError) throw new Error(`refused what protobufjs decodes: ${result.message}`);

  verdicts.accepted += 1;
  const { spans, logRecords, metricPoints } = records;
  expect(result.accepted).toBe(spans.length + logRecords.length + metricPoints.length);
  expect(result.rejected).toBe(signal === 'traces' ? itemsOf(signal, request).length - spans.length : 0);
  if (result.rejected === 0) expect(result.payload).toBe(body);
  else {
    const cut = decodeReference(signal, Buffer.from(result.payload));
    expectSame(itemsOf(signal, cut), itemsOf(signal, request).filter(isSpanUsable));
    expectSame(recordsOf(signal, cut), records);
  }
}

function fuzz(signal: Signal, seed: number, test: (body: Buffer) => void): void {
  const random = new Random(seed);
  for (let i = 0; i < VALID_REQUESTS; i++) {
    const body = encodeReference(signal, toProtobufjs(randomRequest(random, signal)) as object);
    test(body);
  }
}

function describeBytes(body: Buffer, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`for ${body.toString('hex')}`, { cause: error });
  }
}

describe.each(SIGNALS)('%s', (signal) => {
  it('a valid request is refused, counted or decoded otherwise than by protobufjs', () => {
    fuzz(signal, 1, (body) => describeBytes(body, () => agree(signal, body)));
  });

  it('a damaged request gets another verdict, or other values, than from protobufjs', () => {
    const random = new Random(2);
    fuzz(signal, 3, (body) => {
      for (let i = 0; i < MUTATIONS_EACH; i++) {
        const mutated = mutate(random, body);
        describeBytes(mutated, () => agree(signal, mutated));
      }
    });
  });

  it('random bytes get another verdict than from protobufjs', () => {
    const random = new Random(4);
    for (let i = 0; i < 3000; i++) {
      const body = random.bytes(random.below(40));
      describeBytes(body, () => agree(signal, body));
    }
  });
});

it('the damage was such that only one verdict was ever tried', () => {
  expect(verdicts.accepted).toBeGreaterThan(5000);
  expect(verdicts.refused).toBeGreaterThan(5000);
});
