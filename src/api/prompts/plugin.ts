import type { z } from 'zod';
import type { Registry } from '../../registry/registry.js';
import type { Resolved } from '../../registry/resolved.js';
import { LATEST, type Selector } from '../../registry/selector.js';
import type { Variables } from '../../registry/variables.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { etagOf, matches } from '../etag.js';
import { mutationOf } from '../mutation.js';
import type { ApiPlugin } from '../plugin.js';
import { validationError } from '../validation.js';
import { PromptAnswers } from './answer.js';
import { promptComparisonPlugin } from './comparison.js';
import { promptDeletionPlugin } from './deletion.js';
import { promptListsPlugin } from './lists.js';
import { renderPlace } from './render.js';
import {
  createdPromptSchema,
  createPromptBody,
  getPromptQuery,
  promptDetailSchema,
  promptParameters,
  renderPromptBody,
} from './schema.js';
import { untilOther } from './waiting.js';

type GetPromptQuery = z.infer<typeof getPromptQuery>;

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

function selectorOf({ version = '', label }: Pick<GetPromptQuery, 'version' | 'label'>): Selector {
  const pinned = version !== '' && version !== LATEST;
  if (label === undefined) return pinned ? { version } : undefined;
  if (pinned) throw validationError(['"label" conflicts with "version"']);
  return { label };
}

/** Values of a query are text, whatever they look like. What is no object is as good as absent: undefined. */
function variablesOf({ variables }: GetPromptQuery): Variables | undefined {
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) return undefined;
  const given = Object.entries(variables);
  if (given.every(([, value]) => typeof value === 'string')) return variables as Variables;
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

interface Answer {
  etag: string;
  stale: boolean;
  body(): string;
}

export const promptsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const answers = new PromptAnswers(registry);
  for (const plugin of [promptListsPlugin, promptComparisonPlugin, promptDeletionPlugin]) {
    await app.register(plugin, { registry });
  }

  /** As it was written, nothing is put together: it can be looked at when a part of it is gone. */
  const resolve = (workspace: string, name: string, query: GetPromptQuery): Resolved | Promise<Resolved> => {
    const found = registry.resolve(workspace, name, selectorOf(query), query.unit);
    if (query.compose === 'false') return found;
    if (!(found instanceof Promise)) return registry.compose(workspace, found);
    return found.then((each) => registry.compose(workspace, each));
  };

  const answerOf = (resolved: Resolved, query: GetPromptQuery): Answer => {
    const { stale, compiled, composition } = resolved;
    const { render, compose } = query;
    const variables = variablesOf(query);
    const isOwn = composition === undefined && variables === undefined && compiled.required.length === 0;
    const isPlain = render === 'false' || compose === 'false' || isOwn;
    if (isPlain) {
      answers.noteHandedOut(resolved);
      return { stale, etag: answers.plainTag(resolved), body: () => answers.plain(resolved) };
    }
    const body = answers.rendered(resolved, variables ?? {});
    return { stale, etag: etagOf(body), body: () => body };
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

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'A prompt by version or label, rendered with the variables that are sent',
      description:
        'Only system and user messages are rendered. Without variables, or with render=false, the placeholders stay, and ' +
        'what the prompt includes is put in: a template that any Mustache renders. 404 names what is missing: the prompt, version or label. ' +
        'With If-None-Match, the ETag of an earlier answer: 304 while it is still the same. `Warning: 110` marks what ' +
        'could not be asked for again, and is served as it was known last.',
      params: promptParameters,
      querystring: getPromptQuery,
      response: { 200: promptDetailSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { params, query, workspace, headers } = request;
      const { name } = params;
      const { 'if-none-match': known } = headers;
      const look = () => {
        const found = resolve(workspace, name, query);
        return found instanceof Promise ? found.then((each) => answerOf(each, query)) : answerOf(found, query);
      };
      const isKnown = ({ etag }: Answer) => matches(known, etag);
      const waiting = { registry, workspace, name, waitMs: query.wait * 1000, reply };
      const looked = query.wait > 0 && known !== undefined ? untilOther(waiting, isKnown, look) : look();
      const answer = looked instanceof Promise ? await looked : looked;
      if (answer.stale) reply.header('warning', STALE_WARNING);
      reply.header('etag', answer.etag);
      return isKnown(answer) ? reply.code(304).send() : reply.type(JSON_TYPE).send(answer.body());
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/prompts/:name/render',
    config: { scope: 'read', example: { label: 'production', variables: { name: 'Alice', guests: ['Bob', 'Carol'] } } },
    schema: {
      tags: ['prompts'],
      summary: 'A prompt rendered with values of any type',
      description:
        'Declared variables are held to their types, and have their defaults: 422 names each that is missing or wrong. ' +
        'Lists and objects are for the sections of the template.',
      params: promptParameters,
      body: renderPromptBody,
      response: { 200: promptDetailSchema, ...errors },
    },
    handler: async ({ params: { name }, body, workspace }, reply) => {
      const resolved = await registry.compose(
        workspace,
        await registry.resolve(workspace, name, selectorOf(body), body.unit),
      );
      if (resolved.stale) reply.header('warning', STALE_WARNING);
      return reply.type(JSON_TYPE).send(answers.renderedStrictly(resolved, body.variables));
    },
  });
};
