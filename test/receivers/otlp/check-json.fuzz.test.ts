import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../receivers/otlp/check.js';
import type { CheckResult } from '../../../receivers/otlp/check-result.js';
import { SIGNALS, type Signal } from '../../../src/component.js';
import { GatewayError } from '../../../src/errors.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { REQUESTS } from '../../../src/otlp/schema.js';
import { mutate } from '../../otlp/mutate.js';
import { Random, randomRequest, toJsonText, toProtobufjs } from '../../otlp/random-request.js';
import { encodeReference } from '../../otlp/reference.js';
import { countItems, validateJson } from './json-reference.js';

const REQUESTS_EACH = 400;
const MUTATIONS_EACH = 25;
/** Stricter than JSON.parse on purpose, or bounded where it is not. */
const OWN_RULES = /stands twice|nests? deeper|looks like/;

function check(signal: Signal, body: Buffer): CheckResult | GatewayError {
  try {
    return checkRequest({ signal, encoding: 'json', body });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'INVALID_PAYLOAD') return error;
    throw error;
  }
}

function reference(signal: Signal, body: Buffer): string | undefined {
  try {
    return validateJson(signal, body);
  } catch (error) {
    return String(error);
  }
}

function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

const verdicts = { accepted: 0, refused: 0 };

function agree(signal: Signal, body: Buffer): void {
  const result = check(signal, body);
  const problem = reference(signal, body);
  if (result instanceof GatewayError) {
    if (problem === undefined) expect(result.message).toMatch(OWN_RULES);
    verdicts.refused += 1;
    return;
  }
  expect(problem).toBeUndefined();
  verdicts.accepted += 1;
  const decoded = decodeRequest({ signal, encoding: 'json', payload: body });
  expect(result.accepted).toBe(decoded.spans.length + decoded.logRecords.length + decoded.metricPoints.length);
  if (signal === 'traces') expect(result.accepted + result.rejected).toBe(countItems(body));
  if (result.rejected === 0) expect(result.payload).toBe(body);
  else {
    const payload = Buffer.from(result.payload);
    expect(countItems(payload)).toBe(result.accepted);
    expectSame(decodeRequest({ signal, encoding: 'json', payload }), decoded);
  }
}

function describeText(body: Buffer, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`for ${JSON.stringify(body.toString('latin1'))}`, { cause: error });
  }
}

describe.each(SIGNALS)('%s', (signal) => {
  it('JSON gives other records than the protobuf of the same request', () => {
    const random = new Random(5);
    for (let i = 0; i < REQUESTS_EACH; i++) {
      const request = randomRequest(random, signal);
      const protobuf = encodeReference(signal, toProtobufjs(request) as object);
      const json = Buffer.from(toJsonText(random, request, REQUESTS[signal]));
      describeText(json, () => {
        agree(signal, json);
        const fromProtobuf = decodeRequest({ signal, encoding: 'protobuf', payload: protobuf });
        expectSame(decodeRequest({ signal, encoding: 'json', payload: json }), fromProtobuf);
      });
    }
  });

  it('damaged JSON gets another verdict than from JSON.parse and a look at every value', () => {
    const random = new Random(6);
    for (let i = 0; i < REQUESTS_EACH; i++) {
      const json = Buffer.from(toJsonText(random, randomRequest(random, signal), REQUESTS[signal]));
      for (let j = 0; j < MUTATIONS_EACH; j++) {
        const mutated = mutate(random, json);
        describeText(mutated, () => agree(signal, mutated));
      }
    }
  });

  it('JSON with tokens exchanged gets another verdict than from JSON.parse and a look at every value', () => {
    const random = new Random(7);
    for (let i = 0; i < REQUESTS_EACH; i++) {
      const json = toJsonText(random, randomRequest(random, signal), REQUESTS[signal]);
      for (let j = 0; j < MUTATIONS_EACH; j++) {
        const mutated = Buffer.from(exchangeToken(random, json));
        describeText(mutated, () => agree(signal, mutated));
      }
    }
  });
});

const VALUES = [
  'null',
  '{}',
  '[]',
  '""',
  '"x"',
  '0',
  '-1',
  '1.5',
  '1e3',
  '1E+400',
  '4294967296',
  '"7"',
  'true',
  '[null]',
  '"NaN"',
  '01',
  '+1',
  '.5',
  "'a'",
  '"\\x"',
  '"\\ud800"',
  '18446744073709551616',
  '"00000000000000000000000000000000"',
  '"SPAN_KIND_SERVER"',
  '"//8="',
];

/** Grammar mostly stays whole, so that the values are what decides. */
function exchangeToken(random: Random, json: string): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[-\d.eE+]+|true|false|null|\{\}|\[\]|[\s\S]/g) ?? [];
  const values = tokens.flatMap((token, index) =>
    /^["\d-]|true|false|null|\{\}|\[\]/.test(token) && tokens[index + 1] !== ':' ? [index] : [],
  );
  if (values.length > 0) tokens[random.pick(values)] = random.pick(VALUES);
  return tokens.join('');
}

it('the damage was such that only one verdict was ever tried', () => {
  expect(verdicts.accepted).toBeGreaterThan(2000);
  expect(verdicts.refused).toBeGreaterThan(2000);
});
