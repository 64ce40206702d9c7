/** A gateway that exports to itself would send each item round and round. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Authenticate } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { GATEWAY_HEADER } from './otlp/destination.js';

export interface Door {
  host: string;
  port: number;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const ANY = new Set(['0.0.0.0', '::']);

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Who connects to "any" reaches loopback. */
function isLoopback(address: string): boolean {
  return ANY.has(address) || loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isOfThisMachine(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}

/** None for a name that can't be resolved now: the backend may come later. */
async function addressesOf(host: string): Promise<string[]> {
  const name = bare(host);
  if (isIP(name)) return [name];
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => bare(address));
}

async function reaches(url: URL, door: Door): Promise<boolean> {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (door.port === 0 || door.port !== port) return false;
  const [there, here] = await Promise.all([addressesOf(url.hostname), addressesOf(door.host)]);
  const everywhere = here.some((address) => ANY.has(address));
  return there.some(
    (address) =>
      here.includes(address) ||
      (isOfThisMachine(address) && (everywhere || (isLoopback(address) && here.some(isLoopback)))),
  );
}

/** Rejects with CONFIG_INVALID when the URL is one of this gateway's own doors. */
export async function refuseOwnDoors(exporter: string, url: URL, doors: readonly Door[]): Promise<void> {
  for (const door of doors) {
    if (!(await reaches(url, door))) continue;
    throw new GatewayError(
      'CONFIG_INVALID',
      `The exporter ${exporter} would send to this gateway itself: ${url.host} is where it listens (${door.host}:${door.port}). ` +
        'Where that address is meant for applications, keep it out of the environment and the .env of the gateway',
    );
  }
}

/** Refuses with FORBIDDEN what this gateway itself has sent. */
export function refuseOwnRequests(gatewayId: () => string, authenticate: Authenticate): Authenticate {
  return (caller) => {
    const sender = caller.headers[GATEWAY_HEADER];
    if (sender !== undefined && sender === gatewayId()) {
      throw new GatewayError(
        'FORBIDDEN',
        'This is from an exporter of this very gateway: it would go round in a circle',
      );
    }
    return authenticate(caller);
  };
}
