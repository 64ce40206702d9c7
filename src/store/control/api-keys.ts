/** Keys as the database has them: never the key itself, only its hash. */
import type { Keyset, Page } from '../telemetry/telemetry.js';

export interface ApiKey {
  id: number;
  name: string;
  /** '*' for a master key. */
  workspace: string;
  /** Canonical: known scopes between commas. */
  scopes: string;
  /** Seconds since the epoch, like all times here. */
  createdAt: number;
  expiresAt: number | undefined;
  revokedAt: number | undefined;
  lastUsedAt: number | undefined;
  /** The key that a rotation put in its place. */
  replacedBy: number | undefined;
  /** Until when it is good beside the one that replaced it. */
  graceUntil: number | undefined;
}

export interface NewApiKey {
  keyHash: string;
  name: string;
  workspace: string;
  scopes: string;
  expiresAt: number | undefined;
}

/** Whose keys are seen: one workspace's, or those of all, master keys among them. */
export type Visibility = { workspace: string } | 'all';

export interface ApiKeyQuery {
  visible: Visibility;
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface KeyUse {
  id: number;
  usedAt: number;
}

/** A revoked key is seen by nobody but `findByHash` and `findByIds`. */
export interface ApiKeys {
  create(key: NewApiKey, createdAt: number): Promise<ApiKey>;
  /** Newest first; those of one second in the order of their making. */
  list(query: ApiKeyQuery): Promise<Page<ApiKey>>;
  get(id: number, visible: Visibility): Promise<ApiKey | undefined>;
  findByHash(keyHash: string): Promise<ApiKey | undefined>;
  findByIds(ids: readonly number[]): Promise<ApiKey[]>;
  /** Whether any was ever made. */
  any(): Promise<boolean>;
  /** false when there is no such key, or it was revoked before. */
  revoke(id: number, revokedAt: number): Promise<boolean>;
  /** The ids of a workspace's keys that were good until now. */
  revokeAll(workspace: string, revokedAt: number): Promise<number[]>;
  /** The old key is good until `graceUntil`; false when it was revoked or replaced before. */
  replace(id: number, replacedBy: number, graceUntil: number): Promise<boolean>;
  /** Never moves a time back. */
  touchLastUsed(uses: readonly KeyUse[]): Promise<void>;
}
