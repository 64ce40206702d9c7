/** The Collector's side of OTLP: what it takes from the gateway, and what it sends to it. */
import { describe, expect, it, vi } from 'vitest';
import { SIGNALS, type Signal } from '../../src/component.js';
import { getJson, untilDrained } from '../helpers/gateway.js';
import { endpointOf, KINDS, startCollector, startSink } from './destinations.js';
import { startInteropGateway } from './gateways.js';
import { idsOf, sendAll } from './items.js';
import { COLLECTOR, find, freePort, titleOf } from './programs.js';

const REQUESTS = 20;
const ITEMS = 50;
const ARRIVES_WITHIN_MS = 60_000;

const doorsOf = async () => ({ grpcPort: await freePort(), httpPort: await freePort() });

/** Every item of a list of the API, page by page. */
async function listAll<Item>(url: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Item[]; nextCursor: string | null } = await getJson(
      `${url}?limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}

interface Stored {
  traces: { trace_id: string };
  spans: { span_id: string };
  logs: { body: unknown };
  metrics: { attributes: Record<string, unknown> };
}

const READERS: Record<Signal, (api: string) => Promise<string[]>> = {
  async traces(api) {
    const traces = await listAll<Stored['traces']>(`${api}/v1/traces`);
    const spans = await Promise.all(
      traces.map(({ trace_id }) => listAll<Stored['spans']>(`${api}/v1/traces/${trace_id}/spans`)),
    );
    return spans.flat().map(({ span_id }) => span_id);
  },
  logs: async (api) => (await listAll<Stored['logs']>(`${api}/v1/otel/logs`)).map(({ body }) => String(body)),
  metrics: async (api) =>
    (await listAll<Stored['metrics']>(`${api}/v1/otel/metrics`)).map(({ attributes }) => String(attributes.id)),
};

describe.skipIf(!find(COLLECTOR))(titleOf(COLLECTOR), () => {
  const [{ exporter }] = KINDS.filter(({ program }) => program === COLLECTOR) as [(typeof KINDS)[number]];

  it.each(['grpc', 'http/protobuf'] as const)(
    'takes spans, log records and data points over %s from the gateway, each of them once',
    async (protocol) => {
      const [doors, sink] = [await doorsOf(), await startSink()];
      await startCollector(doors, { type: 'otlp_http', settings: `endpoint: "http://${sink.address}"` });
      const gateway = await startInteropGateway({ mode: 'full', exporter: exporter(doors, protocol) });
      const sent = await sendAll(gateway.now.otlpHttp, REQUESTS, ITEMS);
      for (const signal of SIGNALS) {
        const arrived = () => expect(idsOf(signal, sink.taken).sort()).toEqual(sent[signal].sort());
        await vi.waitFor(arrived, { timeout: ARRIVES_WITHIN_MS, interval: 200 });
      }
    },
  );

  it.each([
    ['otlp_grpc', 'gzip'],
    ['otlp_grpc', 'none'],
    ['otlp_http', 'gzip'],
    ['otlp_http', 'none'],
  ] as const)(
    'sends to the gateway by its exporter %s with compression %s, and each item is stored once',
    async (type, compression) => {
      const gateway = await startInteropGateway({ mode: 'full' });
      const { otlpGrpc, otlpHttp } = gateway.now;
      const endpoint =
        type === 'otlp_grpc' ? `endpoint: "${otlpGrpc}", tls: { insecure: true }` : `endpoint: "${otlpHttp}"`;
      const doors = await doorsOf();
      await startCollector(doors, { type, settings: `${endpoint}, compression: ${compression}` });
      const sent = await sendAll(endpointOf(doors, 'http/protobuf'), REQUESTS, ITEMS);
      await untilDrained(gateway.now.api);
      for (const signal of SIGNALS) {
        expect((await READERS[signal](gateway.now.api)).sort()).toEqual(sent[signal].sort());
      }
    },
  );
});
