/** What is large through the whole gateway, on each database: in by both doors, out in both formats. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGatewayForAll, temporaryDirectory, untilDrained } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const TRACE = '7c9e6679742540de944be07fc1f90ae7';
const NATIVE_TRACE = '0c9e6679742540de944be07fc1f90ae7';
const START_MS = 1_767_225_600_000;

const image = randomBytes(3 * 2 ** 20).toString('base64');
const messages = JSON.stringify([
  {
    role: 'user',
    parts: [
      { type: 'text', content: 'What is this?' },
      { type: 'blob', content: image },
    ],
  },
]);
const long = 'He said "no", and left.\n'.repeat(100_000);

function otlpSpan(spanId: string) {
  return {
    traceId: TRACE,
    spanId,
    name: 'chat',
    kind: 3,
    startTimeUnixNano: `${START_MS}000000`,
    endTimeUnixNano: `${START_MS + 500}000000`,
    attributes: [
      { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
      { key: 'gen_ai.request.model', value: { stringValue: 'gpt-4o-mini' } },
      { key: 'gen_ai.input.messages', value: { stringValue: messages } },
      { key: 'image', value: { bytesValue: image } },
      { key: 'whole', value: { doubleValue: 1 } },
      { key: 'none', value: { doubleValue: 'NaN' } },
      { key: 'long', value: { stringValue: long } },
    ],
  };
}

const cut = `${long.slice(0, 2 ** 20)} [cut: ${2 ** 20} of ${long.length} bytes kept]`;

const engines: [string, boolean, () => Promise<Record<string, string>>][] = [
  ['SQLite', false, async () => ({})],
  ['Postgres', !server, async () => ({ DATABASE_URL: await server!.createDatabase() })],
];

for (const [engine, skipped, environment] of engines) {
  describe.skipIf(skipped)(`on ${engine}`, () => {
    let gateway: GatewayProcess | undefined;
    afterEach(() => gateway?.stop());

    it('large contents come back whole, whichever door they came in by and in either format', async () => {
      gateway = await startGatewayForAll({ dataDirectory: temporaryDirectory(), env: await environment() });
      const key = /pm_[0-9a-f]{64}/.exec(gateway.output.join('\n'))![0];
      const { api, otlpHttp } = gateway;
      const post = async (url: string, body: unknown) => {
        const headers = { 'content-type': 'application/json', 'x-api-key': key };
        const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
        expect(response.status).toBeLessThan(300);
      };
      const get = async <Body>(url: string) => {
        const response = await fetch(url, { headers: { 'x-api-key': key } });
        expect(response.status).toBe(200);
        return (await response.json()) as Body;
      };
      const sent = [otlpSpan('1111111111111111'), otlpSpan('2222222222222222')];
      for (const span of sent)
        await post(`${otlpHttp}/v1/traces`, { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
      const native = { trace_id: NATIVE_TRACE, span_id: '3333333333333333', name: 'work', start_time: START_MS };
      await post(`${api}/v1/traces`, { trace_id: NATIVE_TRACE });
      await post(`${api}/v1/traces/${NATIVE_TRACE}/spans`, { ...native, metadata: { messages, n: 1.5 } });
      await untilDrained(api);

      const metrics = await (await fetch(`${api}/metrics`)).text();
      expect(metrics).toMatch(/^promptmetrics_store_cut_texts_total 2$/m);

      const { resourceSpans } = await get<{ resourceSpans: { scopeSpans: { spans: typeof sent }[] }[] }>(
        `${api}/v1/traces/${TRACE}?format=otlp`,
      );
      const found = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
      const expected = sent[0]!.attributes.map((one) =>
        one.key === 'long' ? { key: 'long', value: { stringValue: cut } } : one,
      );
      expect(found.map(({ attributes }) => JSON.stringify(attributes) === JSON.stringify(expected))).toEqual([
        true,
        true,
      ]);

      const trace = await get<{ spans: { metadata: Record<string, unknown> }[] }>(`${api}/v1/traces/${TRACE}`);
      expect(
        trace.spans.map(({ metadata }) => metadata.image === image || JSON.stringify(metadata).includes(image)),
      ).toEqual([true, true]);
      const read = await get<{ metadata: Record<string, unknown> }>(
        `${api}/v1/traces/${NATIVE_TRACE}/spans/${native.span_id}`,
      );
      expect(read.metadata.messages === messages).toBe(true);
      expect(read.metadata.n).toBe(1.5);

      const generation = await get<{ mapping_warnings: string[]; input: unknown }>(
        `${api}/v1/generations/${TRACE}-1111111111111111`,
      );
      expect(generation.mapping_warnings).toEqual([`long was cut: ${2 ** 20} of ${long.length} bytes are kept`]);
    });
  });
}
