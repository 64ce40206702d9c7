import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode } from '@msgpack/msgpack';
import { expect, it, onTestFinished } from 'vitest';
import { datadogSettings } from '../../../exporters/datadog/config.js';
import { createDatadogExporter } from '../../../exporters/datadog/transports.js';
import { range } from '../../buffer/fixture.js';
import { inPlace } from '../encoder.js';
import { appendSpans, delivered, frameWith, spanId, spanOf, startExporter } from '../fixture.js';

interface Span {
  span_id: bigint;
}

/** An Agent that refuses the first requests, and says what it took. */
async function startAgent(codes: number[]) {
  const taken: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const code = codes.shift() ?? 200;
    if (code === 200) {
      const traces = decode(Buffer.concat(chunks), { useBigInt64: true }) as Span[][];
      expect(request.headers['x-datadog-trace-count']).toBe(String(traces.length));
      taken.push(...traces.flat().map(({ span_id }) => span_id.toString(16).padStart(16, '0')));
    }
    response.writeHead(code, { 'content-type': 'application/json' }).end('{"rate_by_service":{}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { taken, port: String((server.address() as AddressInfo).port) };
}

function transportsTo(port: string) {
  const config = datadogSettings.parse({ mode: 'agent-traces', agentHost: '127.0.0.1', agentPort: port });
  return createDatadogExporter({ name: 'datadog', config, pool: inPlace, connections: 4, version: '1' }).transports;
}

it('an Agent that was busy for a while misses a span, or gets logs', async () => {
  const { taken, port } = await startAgent([429, 503, 500]);
  const test = await startExporter({ transports: transportsTo(port), queue: { maxRequestItems: '50' } });
  await appendSpans(test.buffer, range(0, 199));
  await test.buffer.append(frameWith([spanOf(500)], { signal: 'logs' }));
  await delivered(test);
  expect(taken.sort()).toEqual(range(0, 199).map(spanId));
  expect(test.letters.map(({ frame }) => frame.signal)).toEqual([]);
});
