/** What the gateway acknowledged, every backend shows: the same checks for each of them, over both protocols. */
import { describe, expect, it, vi } from 'vitest';
import { createLoad } from '../../bench/load.js';
import { type Acknowledged, sendContinuously } from '../helpers/gateway.js';
import { type Destination, KINDS } from './destinations.js';
import { startInteropGateway } from './gateways.js';
import { find, titleOf } from './programs.js';

const ARRIVES_WITHIN_MS = 60_000;
const REQUESTS = 40;

/** A few hundred traces of eight spans. */
async function sendLoad(url: string, seed: number): Promise<Acknowledged> {
  const load = createLoad({ shape: 'genai', spans: 40, encoding: 'protobuf', seed });
  const { acknowledged, stop } = sendContinuously(url, load, 2);
  await vi.waitFor(() => expect(acknowledged.requests).toBeGreaterThan(REQUESTS), { timeout: ARRIVES_WITHIN_MS });
  await stop();
  return acknowledged;
}

async function missing({ traces }: Acknowledged, destination: Destination): Promise<string[]> {
  const faults: string[] = [];
  for (const [id, spans] of traces) {
    const { size } = await destination.spansOf(id);
    if (size !== spans) faults.push(`${id} has ${size} spans instead of ${spans}`);
  }
  return faults;
}

async function expectAll(acknowledged: Acknowledged, destination: Destination): Promise<void> {
  expect(acknowledged.traces.size).toBeGreaterThan(REQUESTS);
  const check = async () => expect(await missing(acknowledged, destination)).toEqual([]);
  await vi.waitFor(check, { timeout: ARRIVES_WITHIN_MS, interval: 500 });
}

describe.each(KINDS)('$program.name', ({ program, exporter, prepare }) => {
  describe.skipIf(!find(program))(titleOf(program), () => {
    it.each([
      ['grpc', 'full'],
      ['http/protobuf', 'full'],
      ['grpc', 'forward'],
      ['http/protobuf', 'forward'],
    ] as const)(
      'shows every span that was acknowledged, over %s from a gateway with MODE=%s',
      async (protocol, mode) => {
        const destination = await prepare();
        await destination.start();
        const gateway = await startInteropGateway({
          mode,
          exporter: exporter(destination.doors, protocol),
          signals: ['traces'],
        });
        await expectAll(await sendLoad(gateway.now.otlpHttp, 1), destination);
      },
    );

    it.each(['grpc', 'http/protobuf'] as const)(
      'shows them too when it comes up late over %s, and the gateway crashed with what was for it',
      async (protocol) => {
        const destination = await prepare();
        const options = { exporter: exporter(destination.doors, protocol), signals: ['traces'] } as const;
        const gateway = await startInteropGateway({ mode: 'forward', ...options });
        const acknowledged = await sendLoad(gateway.now.otlpHttp, 2);
        await gateway.crash();
        await destination.start();
        await expectAll(acknowledged, destination);
      },
    );
  });
});
