/**
 * Keys by their hash, in memory: a key in here costs no query. What is announced as changed leaves at once; beside that
 * all are read anew now and then, whether they are used or not, so that nothing missed stays for long.
 */
import { GatewayError } from '../errors.js';
import type { ApiKey, ApiKeys } from '../store/control/api-keys.js';
import type { Change } from '../store/control/changes.js';
import { Lru } from './lru.js';
import type { Scope } from './principal.js';
import { readScopes } from './scopes.js';

export interface KnownKey {
  readonly id: number;
  readonly name: string;
  readonly workspace: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The last second in which it is good, since the epoch; Infinity when it has no end. */
  readonly lastGoodAt: number;
  readonly lastUsedAt: number | undefined;
}

export interface KeyCacheOptions {
  apiKeys: Pick<ApiKeys, 'findByHash' | 'findByIds'>;
  maxKeys: number;
  now: () => number;
}

/** Hashes that no key has. Short-lived: a command may make a key, and on SQLite nobody tells the gateway. */
const MAX_UNKNOWN = 10_000;
const UNKNOWN_TTL_MS = 2_000;
/** A flood of keys that nobody has must not fill the queue of the database. */
const MAX_LOOKUPS = 200;

export class KeyCache {
  private readonly known: Lru<string, KnownKey>;
  private readonly hashes = new Map<number, string>();
  /** When each may be asked for again. */
  private readonly unknown = new Lru<string, number>(MAX_UNKNOWN);
  private readonly lookups = new Map<string, Promise<KnownKey | undefined>>();
  /** Counts changes: an answer that was on its way during one is not kept. */
  private changes = 0;

  constructor(private readonly options: KeyCacheOptions) {
    this.known = new Lru(options.maxKeys, (_hash, { id }) => this.hashes.delete(id));
  }

  get size(): number {
    return this.known.size;
  }

  /** undefined: no key has this hash. */
  find(hash: string): KnownKey | undefined | Promise<KnownKey | undefined> {
    const key = this.known.get(hash);
    if (key) return key;
    const unknownUntilMs = this.unknown.get(hash);
    if (unknownUntilMs !== undefined && this.options.now() < unknownUntilMs) return undefined;
    return this.lookups.get(hash) ?? this.lookUp(hash);
  }

  hear(change: Change): void {
    if (change.topic !== 'api-keys') return;
    this.changes++;
    // Whoever comes now must not be given the answer to a question from before the change.
    this.lookups.clear();
    this.unknown.clear();
    this.forget(change.id);
  }

  /** Reads all that is known anew. */
  async refresh(): Promise<void> {
    const before = new Map([...this.known].map(([hash, key]) => [key.id, { hash, key }]));
    if (before.size === 0) return;
    const rows = await this.options.apiKeys.findByIds([...before.keys()]);
    const alive = new Map(rows.filter(isAlive).map((row) => [row.id, row]));
    for (const [id, { hash, key }] of before) {
      // One that has changed since is newer than what was just read.
      if (this.known.peek(hash) !== key) continue;
      const row = alive.get(id);
      if (row) this.known.replace(hash, knownKey(row));
      else this.forget(id);
    }
  }

  private forget(id: number): void {
    const hash = this.hashes.get(id);
    if (hash === undefined) return;
    this.hashes.delete(id);
    this.known.delete(hash);
  }

  private lookUp(hash: string): Promise<KnownKey | undefined> {
    if (this.lookups.size >= MAX_LOOKUPS) {
      throw new GatewayError('OVERLOADED', `${MAX_LOOKUPS} keys are being looked up already`);
    }
    const looking = this.read(hash).finally(() => {
      if (this.lookups.get(hash) === looking) this.lookups.delete(hash);
    });
    this.lookups.set(hash, looking);
    return looking;
  }

  private async read(hash: string): Promise<KnownKey | undefined> {
    const { changes } = this;
    const row = await this.options.apiKeys.findByHash(hash);
    const key = row && isAlive(row) ? knownKey(row) : undefined;
    if (changes === this.changes) this.keep(hash, key);
    return key;
  }

  private keep(hash: string, key: KnownKey | undefined): void {
    if (key) {
      this.hashes.set(key.id, hash);
      this.known.set(hash, key);
    } else {
      this.unknown.set(hash, this.options.now() + UNKNOWN_TTL_MS);
    }
  }
}

function isAlive(row: ApiKey): boolean {
  return row.revokedAt === undefined;
}

/** A key is good in the very second of its expiry, as clients know it; a grace of none ends at once. */
function lastGoodAt({ expiresAt, graceUntil }: ApiKey): number {
  return Math.min(
    expiresAt ?? Number.POSITIVE_INFINITY,
    graceUntil === undefined ? Number.POSITIVE_INFINITY : graceUntil - 1,
  );
}

function knownKey(row: ApiKey): KnownKey {
  return {
    id: row.id,
    name: row.name,
    workspace: row.workspace,
    scopes: readScopes(row.scopes),
    lastGoodAt: lastGoodAt(row),
    lastUsedAt: row.lastUsedAt,
  };
}
