import type { z } from 'zod';
import { endOf, type MintedKey } from '../../access/keys.js';
import { ANY_WORKSPACE, type Principal } from '../../access/principal.js';
import type { ApiKey } from '../../store/control/api-keys.js';
import type { apiKeySchema, mintedApiKeySchema, ownApiKeySchema } from './schema.js';

function fieldsOf({ id, name, workspace, scopes, createdAt, expiresAt }: ApiKey) {
  return { id, name, workspace_id: workspace, scopes, created_at: createdAt, expires_at: expiresAt ?? null };
}

export function renderKey(key: ApiKey): z.infer<typeof apiKeySchema> {
  return {
    ...fieldsOf(key),
    last_used_at: key.lastUsedAt ?? null,
    replaced_by: key.replacedBy ?? null,
    ends_at: endOf(key) ?? null,
  };
}

export function renderMinted(minted: MintedKey): z.infer<typeof mintedApiKeySchema> {
  return { ...fieldsOf(minted), key: minted.key };
}

export function renderOwn(principal: Principal, key: ApiKey | undefined): z.infer<typeof ownApiKeySchema> {
  const { name, workspace, master, scopes } = principal;
  return {
    id: null,
    name,
    workspace_id: master ? ANY_WORKSPACE : workspace,
    scopes: [...scopes].join(','),
    created_at: null,
    expires_at: null,
    ...(key && fieldsOf(key)),
    acting_in: workspace,
  };
}
