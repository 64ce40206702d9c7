/** Says whose a key is: from memory, where a key that was seen before costs no query. */
import type { Component } from '../component.js';
import { GatewayError } from '../errors.js';
import { DEFAULT_WORKSPACE } from '../model/workspace.js';
import type { ControlStore } from '../store/control/store.js';
import { within } from '../store/deadline.js';
import type { AccessConfig } from './config.js';
import type { AccessEvents } from './events.js';
import { KeyCache, type KnownKey } from './key-cache.js';
import { keyless } from './keyless.js';
import type { AccessStore } from './keys.js';
import { LastUse } from './last-use.js';
import { isLoopback } from './loopback.js';
import { Lru } from './lru.js';
import { openAccessWithKey } from './open.js';
import { ANY_WORKSPACE, type Credentials, type Identify, type Principal } from './principal.js';

/** Started after the control store. */
export interface Keyring extends Component {
  /** For the API: without `X-Workspace-Id` a request acts in `default`. */
  readonly forApi: Identify;
  /** For the OTLP doors: without `X-Workspace-Id` a request acts in its key's workspace. */
  readonly forOtlp: Identify;
  /** What the functions in keys.ts take. Usable once started. */
  readonly store: AccessStore;
}

export interface KeyringOptions {
  config: AccessConfig;
  /** Absolute path of DATA_DIR, where the salt is kept. */
  dataDirectory: string;
  control: ControlStore;
  events: AccessEvents;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Keys that are kept in memory. */
  maxKeys?: number;
}

const MAX_KEYS = 10_000;
/** A longer one is no key, and is not worth a hash. */
const MAX_KEY_LENGTH = 1_024;
/** How old what is in memory may be: where other gateways' changes are heard anyway, and where they are not. */
const REFRESH_MS = { hearing: 30_000, deaf: 1_000 };
const TICK_MS = 1_000;

type Mode = AccessConfig['apiAuth'];

function unauthorized(message: string): GatewayError {
  return new GatewayError('UNAUTHORIZED', message);
}

class CachedKeyring implements Keyring {
  readonly name = 'keyring';
  private readonly cache: KeyCache;
  /** Of keys that somebody has: an HMAC for each request is a tenth of what the request costs. */
  private readonly hashes: Lru<string, string>;
  private readonly lastUse: LastUse;
  private readonly now: () => number;
  private opened: AccessStore | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopHearing = () => {};
  private refreshedAtMs = 0;
  private refreshing: Promise<void> | undefined;
  private refreshAgain = false;
  private failing = false;

  readonly forApi: Identify;
  readonly forOtlp: Identify;

  constructor(private readonly options: KeyringOptions) {
    const { config, control, now = Date.now, maxKeys = MAX_KEYS } = options;
    this.now = now;
    this.cache = new KeyCache({ apiKeys: control.apiKeys, maxKeys, now });
    this.hashes = new Lru(maxKeys);
    this.lastUse = new LastUse({
      apiKeys: control.apiKeys,
      debounceMs: config.lastUsedDebounceMs,
      maxKeys,
      now,
      onFailure: (error) => options.events.refreshFailed(error),
    });
    this.forApi = (credentials) => this.identify(credentials, config.apiAuth, () => DEFAULT_WORKSPACE);
    this.forOtlp = (credentials) => this.identify(credentials, config.otlpAuth, workspaceOf);
  }

  get store(): AccessStore {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The keyring is not open');
    return this.opened;
  }

  async start(): Promise<void> {
    const { control } = this.options;
    this.stopHearing = control.onChange((change) => {
      if (change === 'missed') void this.refresh();
      else this.cache.hear(change);
    });
    this.opened = await openAccessWithKey(this.options);
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.stopHearing();
    if (this.opened) await within(deadlineMs, Promise.all([this.lastUse.flush(), this.refreshing]));
    this.lastUse.stop();
    this.opened = undefined;
  }

  private identify(
    { key, workspace, peer }: Credentials,
    mode: Mode,
    homeOf: (key: KnownKey) => string,
  ): Principal | Promise<Principal> {
    if (mode === 'off') return keyless('anyone', workspace);
    if (!key) {
      if (mode === 'auto' && isLoopback(peer)) return keyless('loopback', workspace);
      throw unauthorized('Missing X-API-Key header');
    }
    if (key.length > MAX_KEY_LENGTH) throw unauthorized('Invalid API key');
    const hash = this.hashes.get(key) ?? this.store.hash(key);
    const found = this.cache.find(hash);
    const admit = (known: KnownKey | undefined) => {
      if (known) this.hashes.set(key, hash);
      return this.admit(known, workspace, homeOf);
    };
    return found instanceof Promise ? found.then(admit) : admit(found);
  }

  /** The order of the questions, and their words, are what clients know. */
  private admit(key: KnownKey | undefined, asked: string | undefined, homeOf: (key: KnownKey) => string): Principal {
    if (!key) throw unauthorized('Invalid API key');
    if (key.lastGoodAt < Math.floor(this.now() / 1000)) throw unauthorized('API key expired');
    const workspace = asked ?? homeOf(key);
    const master = key.workspace === ANY_WORKSPACE;
    if (!master && key.workspace !== workspace) throw unauthorized('API key does not belong to this workspace');
    this.lastUse.note(key);
    return { keyId: key.id, name: key.name, workspace, master, scopes: key.scopes };
  }

  private tick(): void {
    const maxAgeMs = this.options.control.hearsOthers() ? REFRESH_MS.hearing : REFRESH_MS.deaf;
    if (performance.now() - this.refreshedAtMs >= maxAgeMs - TICK_MS / 2) void this.refresh();
  }

  /** One at a time; what was asked for during one is done after it. */
  private refresh(): Promise<void> {
    if (this.refreshing) this.refreshAgain = true;
    this.refreshing ??= this.refreshUntilDone().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async refreshUntilDone(): Promise<void> {
    do {
      this.refreshAgain = false;
      await this.refreshOnce();
    } while (this.refreshAgain);
  }

  /** When it fails, what is known stays good: ingestion outlives an outage of the database, in which nothing is revoked. */
  private async refreshOnce(): Promise<void> {
    try {
      const startedAtMs = performance.now();
      await this.cache.refresh();
      this.refreshedAtMs = startedAtMs;
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.options.events.refreshFailed(error);
      this.failing = true;
    }
  }
}

function workspaceOf({ workspace }: KnownKey): string {
  return workspace === ANY_WORKSPACE ? DEFAULT_WORKSPACE : workspace;
}

export function createKeyring(options: KeyringOptions): Keyring {
  return new CachedKeyring(options);
}
