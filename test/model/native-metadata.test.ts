import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { logPayload } from '../../receivers/native/log-payload.js';
import { spanDraft, spanPayload } from '../../receivers/native/span-payload.js';
import { checkProtobuf } from '../../receivers/otlp/check-protobuf.js';
import { MAX_VALUE_DEPTH } from '../../src/model/json-value.js';
import {
  attributesTextOf,
  jsonTextOf,
  LOG_FIELDS,
  metadataAttributes,
  metadataOf,
  SPAN_FIELDS,
} from '../../src/model/native-metadata.js';
import { METADATA_PREFIX } from '../../src/model/native-names.js';
import { nativeLogOf, nativeSpanOf } from '../../src/model/native-view.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { Random } from '../otlp/random-request.js';
import { nested, objectOf, randomMetadata } from '../receivers/native/random-metadata.js';

type Metadata = Record<string, unknown>;

function storedSpan(metadata: Metadata) {
  const draft = spanDraft({ trace_id: 'a'.repeat(32), name: 'n', status: 'ok', metadata });
  const payload = Buffer.concat([...spanPayload([draft], 1)]);
  expect(checkProtobuf('traces', payload)).toMatchObject({ accepted: 1, rejected: 0 });
  return decodeRequest({ signal: 'traces', encoding: 'protobuf', payload }).spans[0]!;
}

function storedLog(metadata: Metadata) {
  const log = { prompt_name: 'p', version_tag: '1', model: 'gpt', metadata };
  const payload = Buffer.concat([...logPayload([{ log, timeUnixNano: 1n }])]);
  expect(checkProtobuf('logs', payload)).toMatchObject({ accepted: 1, rejected: 0 });
  return decodeRequest({ signal: 'logs', encoding: 'protobuf', payload }).logRecords[0]!;
}

const DOORS: Record<string, (metadata: Metadata) => string> = {
  'a span': (metadata) => nativeSpanOf(storedSpan(metadata)).metadata,
  'a log': (metadata) => nativeLogOf(storedLog(metadata)).metadata,
  'a trace': (metadata) => metadataOf(attributesTextOf(metadataAttributes(metadata, SPAN_FIELDS))),
};

describe.each(Object.entries(DOORS))('metadata of %s', (_, through) => {
  it('some object comes back as another', () => {
    const random = new Random(41);
    for (let i = 0; i < 1500; i++) {
      const metadata = randomMetadata(random);
      const text = through(metadata);
      // Own properties, −0 and the order of arrays included.
      if (!isDeepStrictEqual(JSON.parse(text), metadata)) expect(JSON.parse(text), text).toStrictEqual(metadata);
    }
  });

  it.each([MAX_VALUE_DEPTH - 1, MAX_VALUE_DEPTH, MAX_VALUE_DEPTH + 1, 300])('a value %d deep is lost', (depth) => {
    const metadata = { deep: nested(depth, -0) };
    expect(JSON.parse(through(metadata))).toStrictEqual(metadata);
  });

  it('a value that nests deeper than the stack takes the process along', () => {
    const text = `{"deep":${'['.repeat(200_000)}-0${']'.repeat(200_000)}}`;
    expect(through(JSON.parse(text) as Metadata)).toBe(text);
  });

  it('a number that JSON has no text for breaks the answer', () => {
    const metadata = { a: Number.POSITIVE_INFINITY, b: [Number.NaN], '': Number.NEGATIVE_INFINITY };
    expect(JSON.parse(through(metadata))).toEqual({ a: 'Infinity', b: ['NaN'], '': '-Infinity' });
  });
});

describe('metadata as attributes', () => {
  it('what needs no care is not an attribute of its own name and type', () => {
    const metadata = { user: 'u', n: 1, big: 2 ** 53, zero: -0, on: true, none: null, list: [1, 'a'], map: { k: 0.5 } };
    expect(storedSpan(metadata).attributes).toContain(
      '"user":"u","n":1,"big":9007199254740992.0,"zero":-0.0,"on":true,"none":null,"list":[1,"a"],"map":{"k":0.5}}',
    );
  });

  it('a key that stands for a field takes its place', () => {
    const log = storedLog({ 'gen_ai.request.model': 'mine', 'promptmetrics.status': 'odd' });
    expect(nativeLogOf(log)).toMatchObject({ model: 'gpt', status: 'ok' });
    expect(log.attributes).toContain(`"${METADATA_PREFIX}gen_ai.request.model":"\\"mine\\""`);
    expect(storedSpan({ 'gen_ai.request.model': 'mine' }).attributes).toContain('"gen_ai.request.model":"mine"');
  });

  it('the text of a declaration is another than the decoder would have written', () => {
    const random = new Random(5);
    for (let i = 0; i < 500; i++) {
      const metadata = randomMetadata(random);
      const own = attributesTextOf(metadataAttributes(metadata, SPAN_FIELDS));
      const decoded = storedSpan(metadata).attributes;
      if (!decoded.endsWith(own.slice(1))) expect(decoded).toContain(own.slice(1));
    }
  });
});

describe('attributes of OTLP spans as metadata', () => {
  it.each([
    ['{"a":1,"b":{"c":[1.0,null]}}', '{"a":1,"b":{"c":[1.0,null]}}'],
    ['{"i":{"$int":"9223372036854775807"}}', '{"i":9223372036854775807}'],
    ['{"d":[{"$double":"NaN"},{"$double":"-Infinity"}],"z":-0.0}', '{"d":["NaN","-Infinity"],"z":-0.0}'],
    ['{"b":{"$bytes":"AQI="}}', '{"b":"AQI="}'],
    ['{"m":{"$map":{"$int":"5"}}}', '{"m":{"$int":"5"}}'],
    ['{"$int":"5"}', '{"$int":"5"}'],
    // As a database may lay it out.
    ['{"i": {"$int": "1"}, "s": "a, \\"b\\": {"}', '{"i":1,"s":"a, \\"b\\": {"}'],
    ['{"promptmetrics.unknown":1}', '{"promptmetrics.unknown":1}'],
    ['{"promptmetrics.running":true,"a":"b"}', '{"a":"b"}'],
  ])('%s is not told as %s', (attributes, metadata) => {
    expect(metadataOf(attributes)).toBe(metadata);
  });

  it.each(['7', '"no json"', '"[1"', 'null'])('a prefixed attribute of the value %s breaks the answer', (value) => {
    const attributes = `{"${METADATA_PREFIX}x":${value},"${METADATA_PREFIX}\\"":"1"}`;
    expect(JSON.parse(metadataOf(attributes))).toEqual(JSON.parse(attributes));
  });

  it('a key that comes twice stands in the answer twice', () => {
    expect(metadataOf(`{"a":1,"${METADATA_PREFIX}a":"2"}`)).toBe('{"a":2}');
  });

  it('a text without names and tags is copied', () => {
    const text = `{"a":"${'x'.repeat(50_000)}"}`;
    expect(metadataOf(text)).toBe(text);
    expect(JSON.parse(metadataOf(text, LOG_FIELDS))).toEqual(JSON.parse(text));
  });
});

describe('JSON text', () => {
  it('differs from what JSON.stringify gives', () => {
    const random = new Random(6);
    for (let i = 0; i < 300; i++) {
      const value = randomMetadata(random);
      expect(jsonTextOf(value).replaceAll(/([[,:])-0(?=[\]},])/g, '$10')).toBe(JSON.stringify(value));
    }
    expect(jsonTextOf(objectOf([['__proto__', -0]]))).toBe('{"__proto__":-0}');
    expect(jsonTextOf({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  });
});
