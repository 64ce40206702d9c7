import { z } from 'zod';
import { SCOPES } from '../../access/principal.js';
import { API_KEY_SORTS } from '../../store/control/api-keys.js';
import { integerField } from '../body.js';
import { pageSchema, pagingParameters } from '../paging.js';
import { sortParameter } from '../sorting.js';

const MAX_EXPIRY_DAYS = 36_500;
const DEFAULT_GRACE_SECONDS = 86_400;
const MAX_GRACE_SECONDS = 30 * 86_400;
const MAX_SCOPES_CHARACTERS = 256;

const scopesField = z
  .union([z.string(), z.array(z.string()).transform((scopes) => scopes.join(','))])
  .refine((scopes) => scopes.length <= MAX_SCOPES_CHARACTERS, {
    error: `length must be less than or equal to ${MAX_SCOPES_CHARACTERS} characters long`,
  })
  .meta({ description: 'Of read, write, admin: text between commas, or an array; read,write when absent' });

export const createApiKeyBody = z.object({
  name: z.string().min(1).max(128),
  scopes: scopesField.optional(),
  workspace_id: z
    .string()
    .regex(/^(\*|[a-zA-Z0-9_-]{1,128})$/, 'must be a workspace: 1-128 letters, digits, _ and -, or * for a master key')
    .optional()
    .meta({ description: "The caller's own when absent; another one, or *, takes a master key" }),
  expires_in_days: integerField(1, MAX_EXPIRY_DAYS).optional(),
});

/** A request without a body asks for the defaults. */
export const rotateApiKeyBody = z.preprocess(
  (body) => body ?? {},
  z.object({
    grace_seconds: integerField(0, MAX_GRACE_SECONDS).default(DEFAULT_GRACE_SECONDS).meta({
      description: 'How long the old key stays good beside the new one: a day when absent, 30 days at most',
    }),
  }),
);

/** What is not a number gets an answer of its own, that clients know. */
export const apiKeyParameters = z.object({ id: z.string().meta({ description: 'A number' }) });

export const apiKeyFilters = z.object({
  name: z.string().min(1).optional().meta({ description: 'Exactly' }),
  scope: z.enum(SCOPES).optional().meta({ description: 'One that the key has, maybe among others' }),
  workspace_id: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Of what a master key sees: the keys of one workspace, or * for master keys' }),
  state: z.enum(['active', 'expired']).optional().meta({
    description: 'expired: by its date, or when the grace of a rotation was over. Revoked keys are in no list',
  }),
});

export const listApiKeysQuery = z.object({
  ...pagingParameters,
  ...apiKeyFilters.shape,
  sort: sortParameter(API_KEY_SORTS, '-created_at'),
});

const seconds = z.int().describe('Unix seconds');

const fields = {
  id: z.int(),
  name: z.string(),
  workspace_id: z.string().describe('* for a master key'),
  scopes: z.string().describe('Between commas'),
  created_at: seconds,
  expires_at: seconds.nullable(),
};

export const apiKeySchema = z
  .object({
    ...fields,
    last_used_at: seconds.nullable().describe('Unix seconds, to about a minute'),
    replaced_by: z.int().nullable().describe('The key that a rotation put in its place'),
    ends_at: seconds.nullable().describe('Unix seconds: when it ends, by rotation or expiry'),
  })
  .meta({ id: 'ApiKey' });

export const apiKeyPageSchema = pageSchema(apiKeySchema);

export const mintedApiKeySchema = z
  .object({ ...fields, key: z.string().describe('The key itself: shown this once') })
  .meta({ id: 'MintedApiKey' });

export const rotatedApiKeySchema = z
  .object({
    ...mintedApiKeySchema.shape,
    replaces: z.object({ id: z.int(), ends_at: seconds.describe('Unix seconds: until then both keys are good') }),
  })
  .meta({ id: 'RotatedApiKey' });

export const ownApiKeySchema = z
  .object({
    id: z.int().nullable().describe('null for a caller who needs no key'),
    name: z.string(),
    workspace_id: z.string().describe('* for a master key'),
    scopes: z.string(),
    created_at: seconds.nullable(),
    expires_at: seconds.nullable(),
    acting_in: z.string().describe('The workspace of this request'),
  })
  .meta({ id: 'OwnApiKey' });
