import type { AccessStore } from '../../access/keys.js';
import { startRepricing } from '../../pricing/changes.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { countPageSchema, readPaging, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { firstMilli } from '../time.js';
import { renderRepricing } from './render.js';
import {
  idParameters,
  listRepricingsQuery,
  REPRICE_EXAMPLE,
  readId,
  repriceBody,
  repricingFilters,
  repricingPageSchema,
  repricingSchema,
  startedRepricingSchema,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

export const repricingPlugin: ApiPlugin<{ access: { readonly store: AccessStore } }> = async (app, { access }) => {
  const control = () => access.store.control;

  app.route({
    method: 'POST',
    url: '/v1/prices/reprice',
    config: { scope: 'admin', example: REPRICE_EXAMPLE },
    schema: {
      tags: ['prices'],
      summary: 'Compute the costs of what began in a time range anew, in the background, at the prices of now',
      body: repriceBody,
      response: { 202: startedRepricingSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { from, to } = request.body;
      const range = { workspace: request.workspace, fromUnixMs: firstMilli(from)!, toUnixMs: firstMilli(to)! };
      const { id, status } = await startRepricing(control(), principalOf(request), range, mutationOf(request));
      return reply.code(202).header('location', `/v1/prices/reprice/${id}`).send({ id, status });
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/reprice',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'List what was priced anew, newest first',
      querystring: listRepricingsQuery,
      response: { 200: repricingPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const { status } = query;
      const page = await control().repricings.list({ workspace, status, ...readPaging('repricing', query) });
      return reply
        .type(JSON_TYPE)
        .send(renderPage('repricing', query, page, (job) => JSON.stringify(renderRepricing(job))));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/reprice/count',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'How many repricings match',
      querystring: repricingFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query: { status } }, reply) =>
      reply.type(JSON_TYPE).send(renderCount(await control().repricings.count({ workspace, status }))),
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/reprice/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'How far a repricing is',
      params: idParameters,
      response: { 200: repricingSchema, ...errors },
    },
    handler: async ({ workspace, params }) => {
      const id = requireFound(readId(params.id), 'Repricing');
      return renderRepricing(requireFound(await control().repricings.get(workspace, id), 'Repricing'));
    },
  });
};
