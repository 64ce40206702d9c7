/** What changes keys and workspaces. Each change and its audit row are one transaction. */
import { GatewayError } from '../errors.js';
import { withoutNul } from '../model/nul.js';
import { DEFAULT_WORKSPACE } from '../model/workspace.js';
import type { ApiKey, Visibility } from '../store/control/api-keys.js';
import type { ControlStore, Repositories } from '../store/control/store.js';
import type { Workspace } from '../store/control/workspaces.js';
import { auditEntry, type MutationContext } from './audit.js';
import { makeKey } from './key.js';
import { ANY_WORKSPACE, type Principal, type Scope } from './principal.js';
import { DEFAULT_SCOPES, parseScopes, readScopes, writeScopes } from './scopes.js';

export type { MutationContext } from './audit.js';

/** The control store and the hash of a key: what the keyring, or `openAccess`, hands out once the salt is known. */
export interface AccessStore {
  readonly control: ControlStore;
  hash(key: string): string;
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

interface KeyShape {
  name: string;
  workspace: string;
  scopes: ReadonlySet<Scope>;
  expiresAt: number | undefined;
}

const SECONDS_PER_DAY = 86_400;

/**
 * Throws FORBIDDEN when the key would be wider than the caller's own (a scope or a workspace it lacks, or beyond its
 * expiry), VALIDATION_FAILED for an unknown scope. Without `expiresInDays` a key ends with the one that made it.
 */
export async function createKey(
  store: AccessStore,
  principal: Principal,
  input: KeyInput,
  context: MutationContext,
): Promise<MintedKey> {
  const scopes = parseScopes(input.scopes ?? DEFAULT_SCOPES);
  const workspace = input.workspace ?? principal.workspace;
  requireNoWider(principal, workspace, scopes);
  return store.control.transaction(async (repositories) => {
    const now = nowSeconds();
    const limit = await endOfCaller(repositories, principal);
    const asked = input.expiresInDays === undefined ? undefined : now + input.expiresInDays * SECONDS_PER_DAY;
    if (asked !== undefined) requireNoLonger(limit, asked);
    if (workspace !== ANY_WORKSPACE) await repositories.workspaces.ensure(workspace);
    const shape = { name: input.name, workspace, scopes, expiresAt: asked ?? limit };
    const minted = await mint(store, repositories, shape, now);
    await record(repositories, principal, context, { action: 'api_key:create', key: minted });
    return minted;
  });
}

/** Takes effect at once. Throws NOT_FOUND (`API key not found`) for what the caller doesn't see. */
export async function revokeKey(
  store: AccessStore,
  principal: Principal,
  id: number,
  context: MutationContext,
): Promise<void> {
  await store.control.transaction(async (repositories) => {
    const key = await seenKey(repositories, principal, id);
    if (!(await repositories.apiKeys.revoke(id, nowSeconds()))) throw noSuchKey();
    await repositories.changes.announce({ topic: 'api-keys', id });
    await record(repositories, principal, context, { action: 'api_key:revoke', key });
  });
}

/**
 * A new key with the name, the scopes, the workspace and the lifetime of the old, which stays good for `graceSeconds`.
 * Throws NOT_FOUND, CONFLICT (replaced before), FORBIDDEN (wider than the caller's own).
 */
export async function rotateKey(
  store: AccessStore,
  principal: Principal,
  id: number,
  { graceSeconds }: { graceSeconds: number },
  context: MutationContext,
): Promise<MintedKey> {
  return store.control.transaction(async (repositories) => {
    const now = nowSeconds();
    const old = await seenKey(repositories, principal, id);
    const scopes = readScopes(old.scopes);
    requireNoWider(principal, old.workspace, scopes);
    const limit = await endOfCaller(repositories, principal);
    const expiresAt = renewedEnd(old, now, limit);
    const minted = await mint(store, repositories, { ...old, scopes, expiresAt }, now);
    await replace(repositories, old, minted, now + graceSeconds);
    const details = { replaces: old.id, grace_seconds: graceSeconds };
    await record(repositories, principal, context, { action: 'api_key:rotate', key: minted, details });
    return minted;
  });
}

/** Throws FORBIDDEN without a master key, CONFLICT when it is there, BAD_REQUEST when the id is none. */
export async function createWorkspace(
  store: AccessStore,
  principal: Principal,
  id: string,
  context: MutationContext,
): Promise<Workspace> {
  requireMaster(principal);
  return store.control.transaction(async ({ workspaces, auditLogs }) => {
    if (await workspaces.get(id)) throw new GatewayError('CONFLICT', `Workspace ${id} exists already`);
    const workspace = await workspaces.create(id);
    const deed = { workspace: id, action: 'workspace:create', targetId: id };
    await auditLogs.append(auditEntry(principal, context, deed));
    return workspace;
  });
}

/**
 * Revokes its keys, deletes its prices and forgets its idempotency keys, too; its audit log stays. Throws FORBIDDEN without a master key, NOT_FOUND, CONFLICT for `default` and while
 * it has runs or prompts.
 */
export async function deleteWorkspace(
  store: AccessStore,
  principal: Principal,
  id: string,
  context: MutationContext,
): Promise<void> {
  requireMaster(principal);
  if (id === DEFAULT_WORKSPACE) throw new GatewayError('CONFLICT', `Workspace ${id} can't be deleted`);
  await store.control.transaction(async (repositories) => {
    const { workspaces, apiKeys, idempotencyKeys, runs, prompts, prices, repricings, auditLogs, changes } =
      repositories;
    if (!(await workspaces.delete(id))) throw new GatewayError('NOT_FOUND', 'Workspace not found');
    // Before the runs are counted: on Postgres this waits for requests that hold a key, and they may be making runs.
    await idempotencyKeys.forgetWorkspace(id);
    const { total } = await runs.count({ workspace: id });
    const named = await prompts.countNames({ workspace: id, q: '', status: 'any' });
    if (total + named > 0) throw new GatewayError('CONFLICT', `Workspace ${id} still has runs or prompts`);
    const revoked = await apiKeys.revokeAll(id, nowSeconds());
    for (const key of revoked) await changes.announce({ topic: 'api-keys', id: key });
    const deletedPrices = await prices.removeAll(id);
    await repricings.removeAll(id);
    if (deletedPrices > 0) await changes.announce({ topic: 'prices', workspace: id });
    const details = { revoked_api_keys: revoked, deleted_prices: deletedPrices };
    const deed = { workspace: id, action: 'workspace:delete', targetId: id, details };
    await auditLogs.append(auditEntry(principal, context, deed));
  });
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** A master key sees those of all workspaces. */
export function visibleTo(principal: Principal): Visibility {
  return principal.master ? 'all' : { workspace: principal.workspace };
}

function noSuchKey(): GatewayError {
  return new GatewayError('NOT_FOUND', 'API key not found');
}

async function seenKey({ apiKeys }: Repositories, principal: Principal, id: number): Promise<ApiKey> {
  const key = await apiKeys.get(id, visibleTo(principal));
  if (!key) throw noSuchKey();
  return key;
}

function requireMaster(principal: Principal): void {
  if (!principal.master) throw new GatewayError('FORBIDDEN', 'Workspaces are made and deleted with a master key');
}

function requireNoWider(principal: Principal, workspace: string, scopes: ReadonlySet<Scope>): void {
  if (!principal.master && workspace !== principal.workspace) {
    throw new GatewayError('FORBIDDEN', 'A key of one workspace makes no key of another');
  }
  for (const scope of scopes) {
    if (principal.scopes.has(scope)) continue;
    throw new GatewayError('FORBIDDEN', `A key without the scope ${scope} makes no key with it`);
  }
}

/** Seconds since the epoch; undefined when the caller's key has no end, or the caller has no key. */
async function endOfCaller({ apiKeys }: Repositories, { keyId }: Principal): Promise<number | undefined> {
  if (keyId === undefined) return undefined;
  const [own] = await apiKeys.findByIds([keyId]);
  // It was good when the request came: what was revoked since makes no more keys.
  if (!own || own.revokedAt !== undefined) throw new GatewayError('UNAUTHORIZED', 'Invalid API key');
  return endOf(own);
}

/** When a key ends: at its expiry, or at the end of the grace that a rotation left it, whichever is earlier. */
export function endOf({ expiresAt, graceUntil }: ApiKey): number | undefined {
  const ends = [expiresAt, graceUntil].filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function requireNoLonger(limit: number | undefined, end: number | undefined): void {
  if (limit === undefined || (end !== undefined && end <= limit)) return;
  throw new GatewayError('FORBIDDEN', 'A key that expires makes no key that outlives it');
}

/** As long again as the old one was made for, and no longer than the caller's. */
function renewedEnd(old: ApiKey, now: number, limit: number | undefined): number | undefined {
  requireNoLonger(limit, endOf(old));
  if (old.expiresAt === undefined) return limit;
  return Math.min(now + old.expiresAt - old.createdAt, limit ?? Number.POSITIVE_INFINITY);
}

async function mint(
  store: AccessStore,
  { apiKeys, changes }: Repositories,
  { name, workspace, scopes, expiresAt }: KeyShape,
  now: number,
): Promise<MintedKey> {
  const key = makeKey();
  const row = {
    keyHash: store.hash(key),
    name: withoutNul(name),
    workspace,
    scopes: writeScopes(scopes),
    expiresAt,
  };
  const made = await apiKeys.create(row, now);
  await changes.announce({ topic: 'api-keys', id: made.id });
  return { ...made, key };
}

async function replace({ apiKeys, changes }: Repositories, old: ApiKey, by: ApiKey, graceUntil: number): Promise<void> {
  if (!(await apiKeys.replace(old.id, by.id, graceUntil))) {
    throw new GatewayError('CONFLICT', 'API key was rotated before');
  }
  await changes.announce({ topic: 'api-keys', id: old.id });
}

interface KeyDeed {
  action: string;
  key: ApiKey;
  details?: Readonly<Record<string, unknown>>;
}

/** In the log of the key's workspace; a master key's in that of the workspace which the caller acts in. */
function record(
  { auditLogs }: Repositories,
  principal: Principal,
  context: MutationContext,
  { action, key, details }: KeyDeed,
): Promise<void> {
  const { id, name, workspace: owner, scopes, expiresAt } = key;
  const workspace = owner === ANY_WORKSPACE ? principal.workspace : owner;
  const told = { name, workspace_id: owner, scopes, expires_at: expiresAt ?? null, ...details };
  return auditLogs.append(auditEntry(principal, context, { workspace, action, targetId: String(id), details: told }));
}
