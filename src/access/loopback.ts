import { isIPv4 } from 'node:net';

/**
 * Also for an IPv4 address as a socket for both versions shows it. Addresses as sockets write them: another way to write
 * the same one is no loopback here, and then needs a key. (net.BlockList knows them all, at a hundred times the price.)
 */
export function isLoopback(peer: string): boolean {
  const address = peer.startsWith('::ffff:') ? peer.slice(7) : peer;
  return address === '::1' || (address.startsWith('127.') && isIPv4(address));
}
