import type { z } from 'zod';
import { isPromptName } from '../../registry/paths.js';
import type { Registry } from '../../registry/registry.js';
import type { Label, LabelMove } from '../../store/control/labels.js';
import { principalOf } from '../authentication.js';
import { errorSchema } from '../errors.js';
import { etagOf, matches } from '../etag.js';
import { mutationOf } from '../mutation.js';
import { offsetCount, offsetCountSchema, offsetPage, sliceOf } from '../offset-page.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import { keyOf, readShare, renderEnds, renderShare } from './render.js';
import {
  labelMovePageSchema,
  type labelMoveSchema,
  labelPageSchema,
  labelParameters,
  labelSchema,
  labelsParameters,
  listLabelsQuery,
  setLabelBody,
  setLabelHeaders,
  setLabelSchema,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function renderLabel(label: Label): z.infer<typeof labelSchema> {
  return { ...renderTarget(label), created_at: label.createdAt };
}

function renderTarget({ promptName, name, version, split }: Label): z.infer<typeof setLabelSchema> {
  return { prompt_name: promptName, name, version_tag: version, ...(split && { split: split.map(renderShare) }) };
}

function renderMove({ id, from, to, by, approvedBy, reason, movedAt }: LabelMove): z.infer<typeof labelMoveSchema> {
  return {
    id,
    ...renderEnds({ from, to }),
    moved_by: by,
    ...(approvedBy !== undefined && { approved_by: approvedBy }),
    reason: reason ?? null,
    moved_at: movedAt,
  };
}

/** `*`: any label that there is. The tag is of the answer to a GET. */
function expectationOf(ifMatch: string | undefined): ((label: Label | undefined) => boolean) | undefined {
  if (ifMatch === undefined) return undefined;
  return (label) => label !== undefined && matches(ifMatch, etagOf(JSON.stringify(renderLabel(label))));
}

export const labelsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { labels } = registry.control;

  app.route({
    method: 'POST',
    url: '/v1/prompts/:name/labels',
    config: { scope: 'write', example: { name: 'production', version_tag: '1.0.0' } },
    schema: {
      tags: ['labels'],
      summary: 'Let a label stand for a version: make it, or move it',
      description:
        'With If-Match, the ETag of the label as it was read: 412 when somebody has moved it since. With a split, GET ' +
        '/v1/prompts/{name}?label=&unit= gives each unit the same version each time. A protected label takes the scope ' +
        'admin, or an approved proposal: 403. 422 for a version whose includes can’t be put together then, as in a cycle.',
      headers: setLabelHeaders,
      params: labelsParameters,
      body: setLabelBody,
      response: { 201: setLabelSchema, ...errors },
    },
    handler: async (request, reply) => {
      const promptName = requireFound(isPromptName(request.params.name) ? request.params.name : undefined, 'Prompt');
      const { name, version_tag: version, split, reason } = request.body;
      const expects = expectationOf(request.headers['if-match']);
      const input = { promptName, name, version, split: split?.map(readShare), reason, expects };
      const label = await registry.setLabel(input, principalOf(request), mutationOf(request));
      return reply.code(201).send(renderTarget(label));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/labels',
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'List the labels of a prompt, the youngest first',
      params: labelsParameters,
      querystring: listLabelsQuery,
      response: { 200: labelPageSchema, ...errors },
    },
    handler: async ({ params: { name }, query, workspace }) => {
      const none = { items: [], total: 0 };
      const found = isPromptName(name) ? await labels.list(workspace, name, sliceOf(query)) : none;
      return offsetPage(query, found, renderLabel);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/labels/count',
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'How many labels a prompt has',
      params: labelsParameters,
      response: { 200: offsetCountSchema, ...errors },
    },
    handler: async ({ params: { name }, workspace }) =>
      offsetCount(isPromptName(name) ? await labels.count(workspace, name) : 0),
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/labels/:label_name',
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'The version that a label stands for',
      params: labelParameters,
      response: { 200: labelSchema, ...errors },
    },
    handler: async ({ params, workspace }) => {
      return renderLabel(requireFound(await labels.get(keyOf(workspace, params)), 'Label'));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/labels/:label_name/history',
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'Where a label stood, who moved it, when and why: the latest move first',
      description: 'The history of a label outlives it. 404 for one that never was.',
      params: labelParameters,
      querystring: listLabelsQuery,
      response: { 200: labelMovePageSchema, ...errors },
    },
    handler: async ({ params, query, workspace }) => {
      const moves = await labels.history(keyOf(workspace, params), sliceOf(query));
      return offsetPage(query, requireFound(moves.total > 0 ? moves : undefined, 'Label'), renderMove);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/prompts/:name/labels/:label_name',
    config: { scope: 'write' },
    schema: {
      tags: ['labels'],
      summary: 'Remove a label',
      description: 'A protected one takes the scope admin, or an approved proposal: 403.',
      params: labelParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { promptName, name } = keyOf(request.workspace, request.params);
      await registry.deleteLabel({ promptName, name }, principalOf(request), mutationOf(request));
      return reply.code(204).send();
    },
  });
};
