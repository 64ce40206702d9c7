import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Also for an IPv4 address as a socket for both versions shows it. */
export function isLoopback(peer: string): boolean {
  const address = peer.startsWith('::ffff:') ? peer.slice(7) : peer;
  const version = isIP(address);
  return version !== 0 && LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
