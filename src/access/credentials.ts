/** What the headers of a request, or the metadata of a gRPC call, show of who sends it. */
import { GatewayError } from '../errors.js';
import type { Credentials, Principal, Scope } from './principal.js';

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

const WORKSPACE = /^[a-zA-Z0-9_-]{1,128}$/;
const BEARER = /^bearer +(\S+) *$/i;

/** Proxies leave one of these behind. */
const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const;

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function keyOf(headers: Headers): string | undefined {
  const key = single(headers['x-api-key'])?.trim();
  if (key) return key;
  return BEARER.exec(single(headers.authorization) ?? '')?.[1];
}

/** Throws BAD_REQUEST when the header is there and is no workspace. */
function workspaceOf(headers: Headers): string | undefined {
  const header = single(headers['x-workspace-id']);
  if (header === undefined || WORKSPACE.test(header)) return header;
  throw new GatewayError(
    'BAD_REQUEST',
    'Invalid X-Workspace-Id header. Must be 1-128 characters and contain only letters, numbers, underscores, and hyphens.',
  );
}

/**
 * The address that a request can be trusted to come from, '' for unknown. A proxy on this machine would make the whole
 * world look like loopback peers: what an unknown proxy forwards comes from nobody we know.
 */
export function originOf(headers: Headers, peer: string): string {
  return FORWARDED.some((name) => headers[name] !== undefined) ? '' : peer;
}

/** Throws BAD_REQUEST for an `X-Workspace-Id` that is no workspace: that comes before any question of keys. */
export function credentialsOf(headers: Headers, peer: string): Credentials {
  return { key: keyOf(headers), workspace: workspaceOf(headers), peer };
}

/** Throws FORBIDDEN. */
export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw new GatewayError('FORBIDDEN', `Missing required scope: ${scope}`);
}
