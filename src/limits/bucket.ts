/** Whose requests are counted together. */
import { isIPv6 } from 'node:net';
import { isLoopback } from '../access/loopback.js';
import { ANY_WORKSPACE, type Principal } from '../access/principal.js';

/**
 * One bucket for a key, whatever the workspace that a request names: a master key doesn't get one for each. Callers
 * that need no key are told apart by their address; those on this machine are not limited (undefined).
 */
export function bucketOf({ keyId, master, workspace }: Principal, peer: string): string | undefined {
  if (keyId === undefined) return isLoopback(peer) ? undefined : `peer/${networkOf(peer)}`;
  return `${master ? ANY_WORKSPACE : workspace}/${keyId}`;
}

/** An IPv4 address, or the /64 of an IPv6 one, in which one host may have any number of addresses. */
export function networkOf(peer: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(peer);
  if (mapped) return mapped[1]!;
  return isIPv6(peer) ? `${prefixOf(peer)}/64` : peer;
}

function prefixOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted end stands for two groups; it is never among the first four unless those are written out.
  const missing = 8 - groups.length - rest.length - (address.includes('.') ? 1 : 0);
  const whole = tail === undefined ? groups : [...groups, ...Array<string>(missing).fill('0'), ...rest];
  return whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
