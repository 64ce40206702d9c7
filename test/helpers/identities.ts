/** Keys that a test hands out, in place of a keyring. */
import { ANY_WORKSPACE, type Identify, type Principal, SCOPES, type Scope } from '../../src/access/principal.js';
import { GatewayError } from '../../src/errors.js';

export interface KnownKey {
  id: number;
  workspace: string;
  scopes: readonly Scope[];
}

function principalOf(name: string, { id, workspace, scopes }: KnownKey, wanted: string): Principal {
  const master = workspace === ANY_WORKSPACE;
  if (!master && workspace !== wanted) {
    throw new GatewayError('UNAUTHORIZED', 'API key does not belong to this workspace');
  }
  return { keyId: id, name, workspace: wanted, master, scopes: new Set(scopes) };
}

/** Knows these keys by their text; a loopback peer needs none. */
export function identityOf(keys: Record<string, KnownKey>): Identify {
  return ({ key, workspace = 'default', peer }) => {
    if (key === undefined && peer === '127.0.0.1') {
      return { keyId: undefined, name: 'loopback', workspace, master: false, scopes: new Set(SCOPES) };
    }
    if (key === undefined) throw new GatewayError('UNAUTHORIZED', 'Missing X-API-Key header');
    const known = keys[key];
    if (!known) throw new GatewayError('UNAUTHORIZED', 'Invalid API key');
    return principalOf(key, known, workspace);
  };
}

/** The same, for a keyring that has to ask its store first. */
export function slowly(identify: Identify): Identify {
  return async (credentials) => {
    await new Promise(setImmediate);
    return identify(credentials);
  };
}

/** Whoever comes may do everything, where they say. */
export const identifyAnyone: Identify = ({ workspace = 'default' }) => {
  return { keyId: undefined, name: 'anyone', workspace, master: false, scopes: new Set(SCOPES) };
};
