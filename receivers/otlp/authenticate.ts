/** Who may send OTLP: a key in `x-api-key` or as a bearer token, over HTTP headers and gRPC metadata alike. */
import { credentialsOf, originOf, requireScope } from '../../src/access/credentials.js';
import type { Identify, Principal } from '../../src/access/principal.js';
import type { Authenticate } from '../../src/component.js';

function writableWorkspace(principal: Principal): string {
  requireScope(principal, 'write');
  return principal.workspace;
}

/**
 * Answers synchronously when `identify` does. Throws or rejects with BAD_REQUEST (x-workspace-id is no workspace),
 * UNAUTHORIZED, or FORBIDDEN (the key lacks `write`).
 */
export function createAuthenticate(identify: Identify): Authenticate {
  return ({ headers, peer }) => {
    const principal = identify(credentialsOf(headers, originOf(headers, peer)));
    return principal instanceof Promise ? principal.then(writableWorkspace) : writableWorkspace(principal);
  };
}
