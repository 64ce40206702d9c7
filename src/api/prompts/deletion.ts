import type { FastifyRequest } from 'fastify';
import { type DeletionTarget, deletePrompt, restorePrompt } from '../../registry/deletion.js';
import { isPromptName } from '../../registry/paths.js';
import type { Registry } from '../../registry/registry.js';
import { isVersion } from '../../registry/version.js';
import { principalOf } from '../authentication.js';
import { errorSchema } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import { promptVersionParameters, restoredPromptSchema } from './deletion-schema.js';
import { promptParameters } from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

/** Throws NOT_FOUND for what can be no prompt, or no version. */
function targetOf({ name, version }: DeletionTarget): DeletionTarget {
  return {
    name: requireFound(isPromptName(name) ? name : undefined, 'Prompt'),
    version: version === undefined ? undefined : requireFound(isVersion(version) ? version : undefined, 'Version'),
  };
}

export const promptDeletionPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { control } = registry;
  const remove = async (request: FastifyRequest, target: DeletionTarget) => {
    await deletePrompt(control, targetOf(target), principalOf(request), mutationOf(request));
  };
  const restore = async (request: FastifyRequest, target: DeletionTarget) => {
    const versions = await restorePrompt(control, targetOf(target), principalOf(request), mutationOf(request));
    return { name: target.name, versions };
  };

  app.route({
    method: 'DELETE',
    url: '/v1/prompts/:name',
    config: { scope: 'write' },
    schema: {
      tags: ['prompts'],
      summary: 'Delete a prompt: it can be restored',
      description: 'All its versions are hidden; their content stays. 409 while a label stands for one of them.',
      params: promptParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      await remove(request, { name: request.params.name });
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/prompts/:name/versions/:version',
    config: { scope: 'write' },
    schema: {
      tags: ['prompts'],
      summary: 'Delete a version of a prompt: it can be restored',
      description: 'It is hidden, and no other takes its place; its content stays. 409 while a label stands for it.',
      params: promptVersionParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      await remove(request, request.params);
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/prompts/:name/restore',
    config: { scope: 'write' },
    schema: {
      tags: ['prompts'],
      summary: 'Bring back all deleted versions of a prompt',
      params: promptParameters,
      response: { 200: restoredPromptSchema, ...errors },
    },
    handler: async (request) => restore(request, { name: request.params.name }),
  });

  app.route({
    method: 'POST',
    url: '/v1/prompts/:name/versions/:version/restore',
    config: { scope: 'write' },
    schema: {
      tags: ['prompts'],
      summary: 'Bring back a deleted version of a prompt',
      params: promptVersionParameters,
      response: { 200: restoredPromptSchema, ...errors },
    },
    handler: async (request) => restore(request, request.params),
  });
};
