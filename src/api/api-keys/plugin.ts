import type { z } from 'zod';
import { type AccessStore, createKey, endOf, revokeKey, rotateKey, visibleTo } from '../../access/keys.js';
import type { Principal } from '../../access/principal.js';
import type { ApiKey, ApiKeyFilters } from '../../store/control/api-keys.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { countPageSchema, readPaging, renderCount, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import { validationError } from '../validation.js';
import { renderKey, renderMinted, renderOwn } from './render.js';
import {
  apiKeyFilters,
  apiKeyPageSchema,
  apiKeyParameters,
  createApiKeyBody,
  listApiKeysQuery,
  mintedApiKeySchema,
  ownApiKeySchema,
  rotateApiKeyBody,
  rotatedApiKeySchema,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function readId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw validationError(['Invalid API key id']);
}

function readFilters(principal: Principal, query: z.infer<typeof apiKeyFilters>): ApiKeyFilters {
  const { name, scope, workspace_id: workspace, state } = query;
  const now = Math.floor(Date.now() / 1000);
  return {
    visible: visibleTo(principal),
    name,
    scope,
    workspace,
    ...(state === 'active' && { goodAt: now }),
    ...(state === 'expired' && { endedAt: now }),
  };
}

export const apiKeysPlugin: ApiPlugin<{ access: { readonly store: AccessStore } }> = async (app, { access }) => {
  const ownKey = async (principal: Principal): Promise<ApiKey | undefined> => {
    if (principal.keyId === undefined) return undefined;
    return access.store.control.apiKeys.get(principal.keyId, visibleTo(principal));
  };

  /** Once it was rotated: when it ends. */
  const endOfReplaced = async (id: number): Promise<number> => {
    const [key] = await access.store.control.apiKeys.findByIds([id]);
    return endOf(key!)!;
  };

  app.route({
    method: 'POST',
    url: '/v1/api-keys',
    config: { scope: 'admin', example: { name: 'checkout service', scopes: 'read,write', expires_in_days: 90 } },
    schema: {
      tags: ['api keys'],
      summary: 'Make a key, no wider than the one that asks for it',
      body: createApiKeyBody,
      response: { 201: mintedApiKeySchema, ...errors },
    },
    handler: async (request, reply) => {
      const { name, scopes, workspace_id: workspace, expires_in_days: expiresInDays } = request.body;
      const input = { name, scopes, workspace, expiresInDays };
      const minted = await createKey(access.store, principalOf(request), input, mutationOf(request));
      return reply.code(201).send(renderMinted(minted));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/api-keys',
    config: { scope: 'admin' },
    schema: {
      tags: ['api keys'],
      summary: 'List the keys of the workspace, with a master key those of all',
      querystring: listApiKeysQuery,
      response: { 200: apiKeyPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { query } = request;
      const filters = readFilters(principalOf(request), query);
      const page = await access.store.control.apiKeys.list({
        ...filters,
        sort: query.sort,
        ...readPaging('key', query),
      });
      return reply.type(JSON_TYPE).send(renderPage('key', query, page, (key) => JSON.stringify(renderKey(key))));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/api-keys/count',
    config: { scope: 'admin' },
    schema: {
      tags: ['api keys'],
      summary: 'How many keys match',
      querystring: apiKeyFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async (request, reply) => {
      const counted = await access.store.control.apiKeys.count(readFilters(principalOf(request), request.query));
      return reply.type(JSON_TYPE).send(renderCount(counted));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/api-keys/me',
    config: { scope: 'any' },
    schema: {
      tags: ['api keys'],
      summary: 'The key that asks',
      response: { 200: ownApiKeySchema, ...errors },
    },
    handler: async (request) => {
      const principal = principalOf(request);
      return renderOwn(principal, await ownKey(principal));
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/api-keys/:id/rotate',
    config: { scope: 'admin', example: { grace_seconds: 3600 } },
    schema: {
      tags: ['api keys'],
      summary: 'Put a new key in the place of this one, which stays good for a while',
      params: apiKeyParameters,
      body: rotateApiKeyBody,
      response: { 201: rotatedApiKeySchema, ...errors },
    },
    handler: async (request, reply) => {
      const id = readId(request.params.id);
      const options = { graceSeconds: request.body.grace_seconds };
      const minted = await rotateKey(access.store, principalOf(request), id, options, mutationOf(request));
      const replaces = { id, ends_at: await endOfReplaced(id) };
      return reply.code(201).send({ ...renderMinted(minted), replaces });
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/api-keys/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['api keys'],
      summary: 'Revoke a key, at once and for good',
      params: apiKeyParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      await revokeKey(access.store, principalOf(request), readId(request.params.id), mutationOf(request));
      return reply.code(204).send();
    },
  });
};
