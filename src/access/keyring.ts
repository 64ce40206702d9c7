import type { Component } from '../component.js';
import type { ControlStore } from '../store/control/store.js';
import type { AccessConfig } from './config.js';
import type { AccessEvents } from './events.js';
import type { AccessStore } from './keys.js';
import type { Identify } from './principal.js';

/** Says whose a key is. Started after the control store. */
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
}

export declare function createKeyring(options: KeyringOptions): Keyring;
