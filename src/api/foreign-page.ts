/**
 * Web pages in a browser on this machine: the browser would lend them its loopback address, which may need no key here.
 * Without this, any page could rotate keys (a POST without a body takes no preflight), and one whose name is made to
 * lead here (DNS rebinding) could read everything.
 */
import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK_HOST = /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** `allowed`: origins that the operator has named one by one. Our own page has the host that it calls. */
export function isForeignPage({ host, origin }: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  if (host !== undefined && !LOOPBACK_HOST.test(host)) return true;
  return origin !== undefined && origin !== `http://${host}` && !allowed.includes(origin);
}
