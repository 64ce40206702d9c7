/** What changes keys and workspaces. Each change and its audit row are one transaction. */
import type { ApiKey } from '../store/control/api-keys.js';
import type { ControlStore } from '../store/control/store.js';
import type { Workspace } from '../store/control/workspaces.js';
import type { Principal } from './principal.js';

/** The control store and the hash of a key: what {@link Keyring.store} hands out once the salt is known. */
export interface AccessStore {
  readonly control: ControlStore;
  hash(key: string): string;
}

/** Of the request that asks, for the audit log. */
export interface MutationContext {
  ip?: string | undefined;
  requestId?: string | undefined;
}

export interface KeyInput {
  name: string;
  /** Text between commas; `read,write` when there is none. */
  scopes?: string | undefined;
  /** '*' for a master key; the caller's own when there is none. */
  workspace?: string | undefined;
  expiresInDays?: number | undefined;
}

/** The key itself is in `key`, this once. */
export interface MintedKey extends ApiKey {
  key: string;
}

/**
 * Throws FORBIDDEN when the key would be wider than the caller's own (a scope or a workspace it lacks, or beyond its
 * expiry), VALIDATION_FAILED for an unknown scope. Without `expiresInDays` a key ends with the one that made it.
 */
export declare function createKey(
  store: AccessStore,
  principal: Principal,
  input: KeyInput,
  context: MutationContext,
): Promise<MintedKey>;

/** Takes effect at once. Throws NOT_FOUND (`API key not found`) for what the caller doesn't see. */
export declare function revokeKey(
  store: AccessStore,
  principal: Principal,
  id: number,
  context: MutationContext,
): Promise<void>;

/**
 * A new key with the name, the scopes and the workspace of the old, which stays good for `graceSeconds`.
 * Throws NOT_FOUND, CONFLICT (replaced before), FORBIDDEN (wider than the caller's own).
 */
export declare function rotateKey(
  store: AccessStore,
  principal: Principal,
  id: number,
  options: { graceSeconds: number },
  context: MutationContext,
): Promise<MintedKey>;

/** Throws FORBIDDEN without a master key, CONFLICT when it is there, BAD_REQUEST when the id is none. */
export declare function createWorkspace(
  store: AccessStore,
  principal: Principal,
  id: string,
  context: MutationContext,
): Promise<Workspace>;

/**
 * Revokes its keys, too; its audit log stays. Throws FORBIDDEN without a master key, NOT_FOUND, CONFLICT for `default`.
 */
export declare function deleteWorkspace(
  store: AccessStore,
  principal: Principal,
  id: string,
  context: MutationContext,
): Promise<void>;
