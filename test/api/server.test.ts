import { Agent, get } from 'node:http';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/server.js';
import { apiOptions } from '../helpers/api.js';

async function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

describe('the port of the API', () => {
  it('is open from start to shutdown, and named by address', async () => {
    const api = createApi(apiOptions().options);
    expect(api.address()).toBeUndefined();
    await api.start();
    const { host, port } = api.address()!;
    expect(host).toBe('127.0.0.1');
    const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { ports: { api: number } };
    expect(health.ports.api).toBe(port);
    await api.shutdown({ deadlineMs: 5000 });
    expect(api.address()).toBeUndefined();
    expect(await refuses(port)).toBe(true);
  });

  it('can be shut down when it was never opened, and twice', async () => {
    const api = createApi(apiOptions().options);
    await api.shutdown({ deadlineMs: 10 });
    await api.start();
    await api.shutdown({ deadlineMs: 5000 });
    await api.shutdown({ deadlineMs: 5000 });
  });

  it('that is taken fails the start with one clear line', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const { options } = apiOptions({ config: { port, host: '127.0.0.1', corsOrigins: [], trustedProxies: [] } });
    const api = createApi(options);
    await expect(api.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `Port ${port} on 127.0.0.1 is in use (PORT)`,
    });
    expect(api.address()).toBeUndefined();
    await new Promise((resolve) => taken.close(resolve));
  });

  it('answers a request that was under way when the shutdown began, then ends its connection', async () => {
    let release: (value: undefined) => void = () => {};
    let entered: (value: undefined) => void = () => {};
    const waiting = new Promise((resolve) => {
      entered = resolve;
    });
    const { options, telemetry } = apiOptions();
    telemetry.getTrace = async () => {
      entered(undefined);
      await new Promise((resolve) => {
        release = resolve;
      });
      return undefined;
    };
    const api = createApi(options);
    await api.start();
    const agent = new Agent({ keepAlive: true });
    const answered = new Promise<{ status: number; body: string; connection: string | undefined }>(
      (resolve, reject) => {
        const url = `http://127.0.0.1:${api.address()!.port}/v1/traces/${'a'.repeat(32)}`;
        get(url, { agent }, async (response) => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, body: await text(response), connection: headers.connection });
        }).once('error', reject);
      },
    );
    await waiting;
    const { port } = api.address()!;
    const stopped = api.shutdown({ deadlineMs: 30_000 });
    while (!(await refuses(port))) await new Promise((resolve) => setImmediate(resolve));
    release(undefined);
    expect(await answered).toMatchObject({ status: 404, connection: 'close' });
    await stopped;
    agent.destroy();
  });

  it('cuts at the deadline what does not end', async () => {
    const { options, telemetry } = apiOptions();
    telemetry.getTrace = () => new Promise(() => {});
    const api = createApi(options);
    await api.start();
    const request = fetch(`http://127.0.0.1:${api.address()!.port}/v1/traces/${'a'.repeat(32)}`);
    const outcome = request.then(
      () => 'answered',
      () => 'cut',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await api.shutdown({ deadlineMs: 50 });
    expect(await outcome).toBe('cut');
  });
});
