import { describe, expect, it } from 'vitest';
import { keepItems } from '../../exporters/keep-items.js';
import { opentelemetry } from '../../proto/generated/otlp.js';
import { range, seeded } from '../buffer/fixture.js';
import { field, message, text } from '../otlp/wire.js';

const { ExportTraceServiceRequest } = opentelemetry.proto.collector.trace.v1;

const idOf = (trace: number) => Buffer.alloc(16, trace + 1);
const spanOf = (trace: number, name: string) => message(2, text(5, name), field(1, 2, idOf(trace)), text(900, name));
const byTrace = (payload: Buffer, kept: (trace: number) => boolean) => (at: number | undefined) =>
  at === undefined || kept(payload[at]! - 1);

describe('items that are kept', () => {
  it('stand as they came, with what is around them and with fields that nobody knows', () => {
    const scope = (...spans: Buffer[]) =>
      message(2, message(1, text(1, 'scope')), ...spans, text(3, 'url'), text(77, 'x'));
    const request = (...scopes: Buffer[]) =>
      Buffer.concat([message(1, message(1, text(9, 'r')), ...scopes, text(3, 'own')), text(50, 'unknown')]);
    const payload = request(scope(spanOf(1, 'a'), spanOf(2, 'b'), spanOf(1, 'c')), scope(spanOf(2, 'd')));
    const kept = keepItems(
      'traces',
      payload,
      byTrace(payload, (trace) => trace === 1),
    );
    expect(kept).toEqual({ payload: request(scope(spanOf(1, 'a'), spanOf(1, 'c'))), items: 2 });
  });

  it('are the same payload when all are, and nothing when none is', () => {
    const payload = message(1, message(2, spanOf(1, 'a')));
    expect(keepItems('traces', payload, () => true)?.payload).toBe(payload);
    expect(keepItems('traces', payload, () => false)).toBeUndefined();
  });

  it('are log records by their own field, and those without a trace stay', () => {
    const record = (trace?: number) => message(2, text(3, 'INFO'), ...(trace ? [field(9, 2, idOf(trace))] : []));
    const payload = message(1, message(2, record(1), record(), record(2)));
    const kept = keepItems(
      'logs',
      payload,
      byTrace(payload, (trace) => trace === 2),
    );
    expect(kept).toEqual({ payload: message(1, message(2, record(), record(2))), items: 2 });
  });

  it('are those that a decoder finds, in random requests', () => {
    const random = seeded(7);
    for (const round of range(1, 60)) {
      const list = <T>(most: number, make: () => T) => Array.from({ length: random(most + 1) }, make);
      const big = 'x'.repeat(random(200));
      const span = () => spanOf(random(4), `${big}${random(1000)}`);
      const payload = Buffer.concat(
        list(3, () => message(1, message(1, text(9, 'r')), ...list(3, () => message(2, ...list(4, span))))),
      );
      const kept = keepItems(
        'traces',
        payload,
        byTrace(payload, (trace) => trace % 2 === round % 2),
      );
      const names = (bytes: Buffer, of: (trace: number) => boolean) =>
        (ExportTraceServiceRequest.decode(bytes).resourceSpans ?? [])
          .flatMap(({ scopeSpans }) => scopeSpans ?? [])
          .flatMap(({ spans }) => spans ?? [])
          .filter(({ traceId }) => of(traceId![0]! - 1))
          .map(({ name }) => name);
      const expected = names(payload, (trace) => trace % 2 === round % 2);
      expect(kept?.items ?? 0).toBe(expected.length);
      expect(kept ? names(kept.payload, () => true) : []).toEqual(expected);
    }
  });

  it('may be more than a call takes arguments', () => {
    const pair = (one: number, other: number) => [spanOf(one, ''), spanOf(other, '')];
    const scope = (count: number, spans: Buffer[]) => Buffer.concat(Array<Buffer>(count).fill(Buffer.concat(spans)));
    const payload = message(1, message(2, scope(150_000, pair(1, 2))));
    const kept = keepItems(
      'traces',
      payload,
      byTrace(payload, (trace) => trace === 1),
    );
    expect(kept?.items).toBe(150_000);
    expect(kept?.payload.equals(message(1, message(2, scope(150_000, [spanOf(1, '')]))))).toBe(true);
  });
});
