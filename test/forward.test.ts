import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBuffer } from '../src/buffer/buffer.js';
import { nopBufferEvents } from '../src/buffer/events.js';
import { loadConfig } from '../src/config.js';
import { createForwarder } from '../src/forward.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'forward-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const SETTINGS = { MODE: 'forward', LOG_LEVEL: 'silent', PORT: '0', OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0' };
const BACKEND = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };

function forwarder(env: Record<string, string> = BACKEND) {
  return createForwarder(loadConfig({ env: { ...SETTINGS, DATA_DIR: directory, ...env }, directory }));
}

/** A gateway with a store ran here, which received a request, or stored what was there. */
async function storeRan(what: 'received' | 'stored'): Promise<void> {
  const { buffer: config } = loadConfig({ env: {}, directory });
  const options = { config, directory: path.join(directory, 'buffer'), maxFrameBytes: 2 ** 20 };
  const buffer = createBuffer({ ...options, events: nopBufferEvents });
  const store = buffer.consumer('store');
  await buffer.start();
  const frame = { signal: 'traces', encoding: 'protobuf', workspace: 'w', items: 1, payload: Buffer.alloc(8) } as const;
  if (what === 'received') await buffer.append(frame);
  else store.release(store.next({ maxBytes: 1, maxItems: 1 })!);
  await buffer.shutdown({ deadlineMs: 10_000 });
}

describe('MODE=forward', () => {
  it('is refused where there is nowhere to forward to', () => {
    expect(() => forwarder({})).toThrow(/MODE=forward has no exporter to send to/);
  });

  it('is refused in a folder whose store has not taken everything, which it still has afterwards', async () => {
    await storeRan('received');
    for (let tries = 0; tries < 2; tries++) {
      const refused = forwarder().start();
      await expect(refused).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('holds requests that the store has not, as far as is known'),
      });
    }
    await storeRan('stored');
    const running = forwarder();
    await running.start();
    await running.shutdown({ deadlineMs: 1000 });
  });
});
