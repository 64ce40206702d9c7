/** Who a request comes from, as its key says. */

export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The workspace of a master key: any. */
export const ANY_WORKSPACE = '*';

export interface Principal {
  /** The key's id; undefined for a caller that needs none (a loopback peer, where settings allow that). */
  keyId: number | undefined;
  /** The key's name, for the audit log. */
  name: string;
  /** The workspace that this request acts in. */
  workspace: string;
  /** The key is good for every workspace. */
  master: boolean;
  scopes: ReadonlySet<Scope>;
}

/** What a request shows of itself before its body is read. */
export interface Credentials {
  /** `X-API-Key`, or the token of `Authorization: Bearer`; undefined when neither is there. */
  key: string | undefined;
  /** `X-Workspace-Id`; undefined when it is absent. */
  workspace: string | undefined;
  /** The address of the other end, '' when it is unknown. */
  peer: string;
}

/**
 * Rejects with UNAUTHORIZED (no key, unknown, expired, revoked, not of this workspace) or FORBIDDEN (scope missing).
 * Answers synchronously when the key is in the cache: that is the hot path.
 */
export type Identify = (credentials: Credentials) => Principal | Promise<Principal>;
