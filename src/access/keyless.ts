/** Callers without a key, as the settings let them in; and a gateway that has nowhere to keep keys. */
import { GatewayError } from '../errors.js';
import { DEFAULT_WORKSPACE } from '../model/workspace.js';
import type { AccessConfig } from './config.js';
import { isLoopback } from './loopback.js';
import { type Identify, type Principal, SCOPES } from './principal.js';

const ALL_SCOPES: ReadonlySet<(typeof SCOPES)[number]> = new Set(SCOPES);

/** May name any workspace, which is what a master key may. */
export function keyless(name: string, workspace = DEFAULT_WORKSPACE): Principal {
  return { keyId: undefined, name, workspace, master: true, scopes: ALL_SCOPES };
}

/**
 * Where no key can be looked up: who comes with one is judged as who comes without. `setting` is the variable that lets
 * more in, for the message.
 */
export function identifyWithoutKeys(mode: AccessConfig['otlpAuth'], setting: string): Identify {
  const words = `This gateway keeps no keys (MODE=forward): ${setting} says who may come without one`;
  return ({ workspace, peer }) => {
    if (mode === 'off') return keyless('anyone', workspace);
    if (mode === 'auto' && isLoopback(peer)) return keyless('loopback', workspace);
    throw new GatewayError('UNAUTHORIZED', words);
  };
}
