import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { refuseOwnDoors, refuseOwnRequests } from '../../exporters/own-address.js';

const outside = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

const OWN: [string, string][] = [
  ['http://127.0.0.1:4318/v1/traces', '127.0.0.1'],
  ['http://localhost:4318', '127.0.0.1'],
  ['http://127.0.0.1:4318', 'localhost'],
  ['http://127.0.0.2:4318', '0.0.0.0'],
  ['http://[::1]:4318', '::'],
  ['http://[::ffff:127.0.0.1]:4318', '0.0.0.0'],
  ['http://0.0.0.0:4318', '127.0.0.1'],
];

const OTHERS: [string, string, number][] = [
  ['http://127.0.0.1:4319', '127.0.0.1', 4318],
  ['http://192.0.2.1:4318', '0.0.0.0', 4318],
  ['http://no-such-host.invalid:4318', '0.0.0.0', 4318],
  ['http://127.0.0.1:4318', '127.0.0.1', 0],
];

if (outside !== undefined) {
  OWN.push([`http://${outside}:4318`, '0.0.0.0'], [`http://${outside}:4318`, outside]);
  OTHERS.push([`http://${outside}:4318`, '127.0.0.1', 4318]);
}

const refused = (url: string, host: string, port = 4318) =>
  refuseOwnDoors('otlp', new URL(url), [
    { host: '127.0.0.1', port: 1 },
    { host, port },
  ]).then(
    () => false,
    (error: { code: string }) => error.code === 'CONFIG_INVALID',
  );

describe("a gateway's own door", () => {
  it.each(OWN)('is recognised: %s where it listens on %s', async (url, host) => {
    expect(await refused(url, host)).toBe(true);
  });

  it.each(OTHERS)('is not seen where there is none: %s where it listens on %s:%i', async (url, host, port) => {
    expect(await refused(url, host, port)).toBe(false);
  });

  it('is found behind the default port of a scheme', async () => {
    expect(await refused('http://localhost', '127.0.0.1', 80)).toBe(true);
    expect(await refused('https://localhost', '127.0.0.1', 443)).toBe(true);
  });
});

describe('a request', () => {
  const authenticate = refuseOwnRequests(
    () => 'me',
    () => 'default',
  );
  const from = (gateway?: string) => ({
    peer: '',
    headers: gateway === undefined ? {} : { 'promptmetrics-gateway': gateway },
  });

  it('of this gateway itself is refused, and any other is let through', () => {
    expect(() => authenticate(from('me'))).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    expect(authenticate(from('another'))).toBe('default');
    expect(authenticate(from())).toBe('default');
  });
});
