import type { z } from 'zod';
import { GatewayError } from '../../errors.js';
import { renderPrompt, type Variables } from '../../registry/compiled.js';
import { isPromptName } from '../../registry/paths.js';
import type { Registry } from '../../registry/registry.js';
import { LATEST, type Resolved, type Selector } from '../../registry/resolver.js';
import type { PromptVersion } from '../../store/control/prompts.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { countSchema, offsetPage, sliceOf } from '../offset-page.js';
import type { ApiPlugin } from '../plugin.js';
import { validationError } from '../validation.js';
import { renderPlace, renderVersion } from './render.js';
import {
  countPromptsQuery,
  createdPromptSchema,
  createPromptBody,
  getPromptQuery,
  listPromptsQuery,
  listVersionsQuery,
  promptDetailSchema,
  promptPageSchema,
  promptParameters,
  promptVersionPageSchema,
} from './schema.js';

type GetPromptQuery = z.infer<typeof getPromptQuery>;

const MAX_SEARCH_CHARACTERS = 256;
/** RFC 7234 §5.5.1: the answer is not known to be the newest. */
const STALE_WARNING = '110 - "Response is Stale"';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

const EXAMPLE = {
  name: 'welcome',
  version: '1.0.0',
  messages: [
    { role: 'system', content: 'You welcome people to {{place}}.' },
    { role: 'user', content: 'I am {{name}}.' },
  ],
  variables: { name: { type: 'string', required: true }, place: { type: 'string' } },
  model_config: { model: 'gpt-4o-mini', temperature: 0.2 },
  tags: ['onboarding'],
};

function searchOf({ q = '' }: { q?: string | undefined }): string {
  if (q.length <= MAX_SEARCH_CHARACTERS) return q;
  throw new GatewayError('BAD_REQUEST', `Search query exceeds maximum length of ${MAX_SEARCH_CHARACTERS} characters`);
}

function selectorOf({ version = '', label }: GetPromptQuery): Selector {
  const pinned = version !== '' && version !== LATEST;
  if (label === undefined) return pinned ? { version } : undefined;
  if (pinned) throw validationError(['"label" conflicts with "version"']);
  return { label };
}

/** Values of a query are text, whatever they look like. */
function textsOf(variables: GetPromptQuery['variables'] = {}): Variables {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}

function contentOf({ compiled }: Resolved, { render, variables }: GetPromptQuery): string {
  return render === 'false' ? compiled.json : renderPrompt(compiled, textsOf(variables));
}

export const promptsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { prompts } = registry.control;
  /** Of versions that are in the registry's memory, for as long as they are. */
  const places = new WeakMap<PromptVersion, string>();

  const placeOf = (version: PromptVersion): string => {
    const place = places.get(version) ?? JSON.stringify(renderPlace(registry, version));
    places.set(version, place);
    return place;
  };

  app.route({
    method: 'POST',
    url: '/v1/prompts',
    config: { scope: 'write', example: EXAMPLE },
    schema: {
      tags: ['prompts'],
      summary: 'Write a version of a prompt, which never changes',
      body: createPromptBody,
      response: { 201: createdPromptSchema, ...errors },
    },
    handler: async (request, reply) => {
      const version = await registry.create(request.body, principalOf(request), mutationOf(request));
      return reply.code(201).send(renderPlace(registry, version));
    },
  });

  for (const url of ['/v1/prompts', '/v1/prompts/search']) {
    app.route({
      method: 'GET',
      url,
      config: { scope: 'read' },
      schema: {
        tags: ['prompts'],
        summary: 'List prompts by name',
        querystring: listPromptsQuery,
        response: { 200: promptPageSchema, ...errors },
      },
      handler: async ({ query, workspace }) => {
        const found = await prompts.listNames({ workspace, q: searchOf(query) }, sliceOf(query));
        return offsetPage(query, found, (name) => ({ name }));
      },
    });
  }

  app.route({
    method: 'GET',
    url: '/v1/prompts/count',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'How many prompts match',
      querystring: countPromptsQuery,
      response: { 200: countSchema, ...errors },
    },
    handler: async ({ query, workspace }) => ({ total: await prompts.countNames({ workspace, q: searchOf(query) }) }),
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'A prompt by version or label, rendered with the variables that are sent',
      description:
        'Only system and user messages are rendered. 404 names what is missing: the prompt, version or label.',
      params: promptParameters,
      querystring: getPromptQuery,
      response: { 200: promptDetailSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { params, query, workspace } = request;
      const found = registry.resolve(workspace, params.name, selectorOf(query));
      const resolved = found instanceof Promise ? await found : found;
      if (resolved.stale) reply.header('warning', STALE_WARNING);
      return reply
        .type(JSON_TYPE)
        .send(`{"content":${contentOf(resolved, query)},"version":${placeOf(resolved.version)}}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/versions',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'List the versions of a prompt, the youngest first',
      params: promptParameters,
      querystring: listVersionsQuery,
      response: { 200: promptVersionPageSchema, ...errors },
    },
    handler: async ({ params: { name }, query, workspace }) => {
      const none = { items: [], total: 0 };
      const found = isPromptName(name) ? await prompts.listVersions(workspace, name, sliceOf(query)) : none;
      return offsetPage(query, found, renderVersion);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/versions/count',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'How many versions a prompt has',
      params: promptParameters,
      response: { 200: countSchema, ...errors },
    },
    handler: async ({ params: { name }, workspace }) => ({
      total: isPromptName(name) ? await prompts.countVersions(workspace, name) : 0,
    }),
  });
};
