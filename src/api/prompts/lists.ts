import type { z } from 'zod';
import { GatewayError } from '../../errors.js';
import { isPromptName } from '../../registry/paths.js';
import type { Registry } from '../../registry/registry.js';
import { LATEST } from '../../registry/selector.js';
import type { NameQuery } from '../../store/control/prompt-names.js';
import { errorSchema } from '../errors.js';
import { offsetCount, offsetCountSchema, offsetPage, sliceOf } from '../offset-page.js';
import type { ApiPlugin } from '../plugin.js';
import { countPromptsQuery, listPromptsQuery, searchPromptsQuery } from './lists-schema.js';
import { renderVersion } from './render.js';
import { listVersionsQuery, promptPageSchema, promptParameters, promptVersionPageSchema } from './schema.js';

const MAX_SEARCH_CHARACTERS = 256;
const NANOS_PER_SECOND = 1_000_000_000n;

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function searchOf(q: string): string {
  if (q.length <= MAX_SEARCH_CHARACTERS) return q;
  throw new GatewayError('BAD_REQUEST', `Search query exceeds maximum length of ${MAX_SEARCH_CHARACTERS} characters`);
}

/** Versions know their time to the second: the first one that is not before. */
function firstSecond(nanos: bigint | undefined): number | undefined {
  return nanos === undefined ? undefined : Number((nanos + NANOS_PER_SECOND - 1n) / NANOS_PER_SECOND);
}

function nameQueryOf(workspace: string, query: z.infer<typeof countPromptsQuery>): NameQuery {
  const { q = '', prefix, label, tag, author, driver, status, from, to } = query;
  return {
    workspace,
    q: searchOf(q),
    folder: prefix?.replace(/\/$/, ''),
    // That one is the server's, and every prompt has it.
    label: label === LATEST ? undefined : label,
    ...{ tag, author, driver, status },
    createdFrom: firstSecond(from),
    createdTo: firstSecond(to),
  };
}

export const promptListsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { prompts } = registry.control;

  app.route({
    method: 'GET',
    url: '/v1/prompts',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'List prompts by name',
      querystring: listPromptsQuery,
      response: { 200: promptPageSchema, ...errors },
    },
    handler: async ({ query, workspace }) => {
      const found = await prompts.listNames(nameQueryOf(workspace, query), sliceOf(query));
      return offsetPage(query, found, (name) => ({ name }));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/search',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'Search prompts by their names, tags and texts',
      description: 'First those that are named like it, by name; then what else is found, the best first.',
      querystring: searchPromptsQuery,
      response: { 200: promptPageSchema, ...errors },
    },
    handler: async ({ query, workspace }) => {
      const found = await prompts.searchNames(nameQueryOf(workspace, query), sliceOf(query));
      return offsetPage(query, found, (name) => ({ name }));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/count',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'How many prompts the list has',
      querystring: countPromptsQuery,
      response: { 200: offsetCountSchema, ...errors },
    },
    handler: async ({ query, workspace }) => offsetCount(await prompts.countNames(nameQueryOf(workspace, query))),
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
      response: { 200: offsetCountSchema, ...errors },
    },
    handler: async ({ params: { name }, workspace }) =>
      offsetCount(isPromptName(name) ? await prompts.countVersions(workspace, name) : 0),
  });
};
