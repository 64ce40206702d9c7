import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { listSettings, readConfig } from '../../src/config.js';
import { createForwarder } from '../../src/forward.js';
import { createGateway } from '../../src/gateway.js';
import { deployedGateways } from './gateways.js';

/** Of Node and of the C library. */
const FOREIGN = ['NODE_ENV', 'NODE_OPTIONS', 'MALLOC_ARENA_MAX'];
const settings = new Map(listSettings().map(({ env, defaultText }) => [env, defaultText]));

/** A setting's value as it will be, from a secret too. */
function environmentOf(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** What the image sets (Dockerfile), and files may set anew. */
const IMAGE = { HOST: '0.0.0.0', DATA_DIR: '/data' };

function configOf(env: Record<string, string | undefined>) {
  return readConfig({ env: { ...IMAGE, ...environmentOf(env) }, directory: tmpdir() });
}

const maxOldSpaceBytes = (options: string) => Number(/--max-old-space-size=(\d+)/.exec(options)![1]) * 2 ** 20;

const gateways = deployedGateways();

it('every way to run it is looked at', () => expect(gateways.length).toBe(8));

describe.each(gateways)('$name', ({ env, ...place }) => {
  it('names no setting that there is not', () => {
    const unknown = Object.keys(env).filter((name) => !settings.has(name) && !FOREIGN.includes(name));
    expect(unknown).toEqual([]);
  });

  it('has values that the gateway takes, and that fit each other', () => {
    const { config, faults, warnings } = configOf(env);
    expect([faults, warnings]).toEqual([[], []]);
    const create = config!.process.mode === 'forward' ? createForwarder : createGateway;
    expect(() => create(config!)).not.toThrow();
  });

  it('opens the ports that the gateway listens on', () => {
    const { receivers, api } = configOf(env).config!;
    const listening = [api.port, receivers.grpcPort, receivers.httpPort];
    if (place.ports.length > 0) expect(place.ports).toEqual(listening);
    expect(listening).toEqual([3000, 4317, 4318]);
  });

  it('leaves it the time to drain that it is told to take, and a second to exit', () => {
    const { shutdownDeadlineMs } = configOf(env).config!.process;
    expect(place.graceSeconds).toBeGreaterThan(place.drainDelaySeconds + shutdownDeadlineMs / 1000);
  });

  it('gives it a root that it cannot write to, and a place for its data', () => {
    expect(place.readOnlyRoot).toBe(true);
    expect(place.writable).toEqual([configOf(env).config!.store.dataDir]);
  });

  it('bounds what it holds in memory below what it may have', () => {
    const { receivers, buffer } = configOf(env).config!;
    const held = maxOldSpaceBytes(env.NODE_OPTIONS!) + receivers.maxInFlightBytes + buffer.maxPendingBytes;
    expect(held).toBeLessThanOrEqual(0.75 * place.memoryBytes);
  });

  it('is of the version of this repository', async () => {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    if (place.image) expect(place.image).toBe(`promptmetrics:${manifest.version}`);
  });
});
