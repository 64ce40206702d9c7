import { describe, expect, it } from 'vitest';
import { toJsonLine } from '../../../exporters/file/otlp-json.js';
import { SIGNALS } from '../../../src/component.js';
import { toProtobuf } from '../../../src/otlp/decode-json.js';
import { Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { decodeReference, encodeReference } from '../../otlp/reference.js';

const hex = (text: string) => Buffer.from(text, 'hex');

describe.each(SIGNALS)('%s', (signal) => {
  it('a request comes back from its line as another than it was', () => {
    const random = new Random(11);
    for (let i = 0; i < 300; i++) {
      const payload = encodeReference(signal, toProtobufjs(randomRequest(random, signal)) as object);
      const line = toJsonLine({ signal, payload });
      expect(line.includes('\n')).toBe(false);
      const again = decodeReference(signal, Buffer.from(toProtobuf(signal, line)));
      expect(again, line.toString()).toEqual(decodeReference(signal, payload));
    }
  });
});

describe('a line', () => {
  it('loses a key that is repeated, or the spelling of a value', () => {
    const attributes = [
      { key: 'k', value: { intValue: '9223372036854775807' } },
      { key: 'k', value: { doubleValue: -0 } },
      { key: 'k', value: { doubleValue: Number.NaN } },
      { key: 'b', value: { bytesValue: Buffer.from([1, 2]) } },
      { key: 'none', value: {} },
      { key: 'zero', value: { boolValue: false } },
    ];
    const span = {
      traceId: hex('5b8efff798038103d269b633813fc60c'),
      spanId: hex('eee19b7ec3c1b174'),
      kind: 3,
      attributes,
    };
    const payload = encodeReference('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    expect(toJsonLine({ signal: 'traces', payload }).toString()).toBe(
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":3,' +
        '"attributes":[{"key":"k","value":{"intValue":"9223372036854775807"}},{"key":"k","value":{"doubleValue":-0.0}},' +
        '{"key":"k","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"AQI="}},{"key":"none","value":{}},' +
        '{"key":"zero","value":{"boolValue":false}}]}]}]}]}',
    );
  });

  it('keeps both members of a oneof, or the first', () => {
    // AnyValue: string_value "a", then int_value 7; then a body of a log record with both.
    const value = hex('0a01611807');
    const record = Buffer.concat([hex('2a05'), value]);
    const scope = Buffer.concat([hex('12'), Buffer.from([record.length]), record]);
    const resource = Buffer.concat([hex('12'), Buffer.from([scope.length]), scope]);
    const payload = Buffer.concat([hex('0a'), Buffer.from([resource.length]), resource]);
    const line = toJsonLine({ signal: 'logs', payload }).toString();
    expect(line).toBe('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"7"}}]}]}]}');
  });

  it('forgets what came in a second piece of a message', () => {
    // ResourceSpans with resource { dropped_attributes_count 1 } and resource {} twice; the request is two such messages.
    const payload = hex('0a060a0210010a00');
    const twice = Buffer.concat([payload, payload]);
    expect(toJsonLine({ signal: 'traces', payload: twice }).toString()).toBe(
      '{"resourceSpans":[{"resource":{"droppedAttributesCount":1}},{"resource":{"droppedAttributesCount":1}}]}',
    );
  });

  it('reads a list of numbers only when it is packed, or only when it is not', () => {
    // Histogram point: bucket_counts packed [1, 2], then single 3.
    const point = hex('3210010000000000000002000000000000003103000000000000 00'.replace(/ /g, ''));
    const wrap = (number: number, content: Buffer) =>
      Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
    const payload = wrap(1, wrap(2, wrap(2, wrap(9, wrap(1, point)))));
    expect(toJsonLine({ signal: 'metrics', payload }).toString()).toBe(
      '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":["1","2","3"]}]}}]}]}]}',
    );
  });

  it('is made of bytes that are no protobuf', () => {
    expect(() => toJsonLine({ signal: 'traces', payload: hex('0aff') })).toThrow(/length/);
  });
});
