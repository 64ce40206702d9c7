import type { z } from 'zod';
import type { Registry } from '../../registry/registry.js';
import { isLabel } from '../../registry/selector.js';
import type { ProtectedLabel } from '../../store/control/protected-labels.js';
import { principalOf } from '../authentication.js';
import { errorSchema } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { offsetPage, sliceOf } from '../offset-page.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import {
  listLabelsQuery,
  protectedLabelPageSchema,
  protectedLabelParameters,
  protectedLabelSchema,
  protectLabelBody,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function render({ name, by, createdAt }: ProtectedLabel): z.infer<typeof protectedLabelSchema> {
  return { name, protected_by: by, created_at: createdAt };
}

export const protectedLabelsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { protectedLabels } = registry.control;

  app.route({
    method: 'GET',
    url: '/v1/protected-labels',
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'List the names of labels that only admins move',
      querystring: listLabelsQuery,
      response: { 200: protectedLabelPageSchema, ...errors },
    },
    handler: async ({ query, workspace }) => {
      return offsetPage(query, await protectedLabels.list(workspace, sliceOf(query)), render);
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/protected-labels',
    config: { scope: 'admin', example: { name: 'production' } },
    schema: {
      tags: ['labels'],
      summary: 'Protect a label of all prompts of the workspace: moving or removing it takes admin, or an approval',
      body: protectLabelBody,
      response: { 201: protectedLabelSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { name } = request.body;
      await registry.labels.protect(name, principalOf(request), mutationOf(request));
      const label = await protectedLabels.get(request.workspace, name);
      return reply.code(201).send(render(requireFound(label, 'Protected label')));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/protected-labels/:label_name',
    config: { scope: 'admin' },
    schema: {
      tags: ['labels'],
      summary: 'Protect a label no longer',
      params: protectedLabelParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { label_name: name } = request.params;
      const possible = requireFound(isLabel(name) ? name : undefined, 'Protected label');
      await registry.labels.unprotect(possible, principalOf(request), mutationOf(request));
      return reply.code(204).send();
    },
  });
};
