import type { z } from 'zod';
import type { AccessStore } from '../../access/keys.js';
import { deletePrice, putPrice } from '../../pricing/changes.js';
import { createPriceBook } from '../../pricing/price-book.js';
import type { OwnPrice, PriceFilters, PriceKey } from '../../store/control/prices.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { countPageSchema, readPaging, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import { renderEffective, renderPrice } from './render.js';
import {
  effectivePriceSchema,
  effectiveQuery,
  idParameters,
  listPricesQuery,
  PRICE_EXAMPLE,
  priceFilters,
  priceKeyQuery,
  pricePageSchema,
  priceSchema,
  putPriceBody,
  readId,
} from './schema.js';

export interface PricesOptions {
  access: { readonly store: AccessStore };
}

const errors = { '4xx': errorSchema, '5xx': errorSchema };
const NANO_PER_MS = 1_000_000n;

function readKey(workspace: string, key: z.infer<typeof priceKeyQuery>): PriceKey {
  const {
    model_pattern: pattern,
    provider = '',
    service_tier: serviceTier = '',
    valid_from: validFromUnixMs = 0,
  } = key;
  return { workspace, pattern, provider, serviceTier, validFromUnixMs };
}

function readFilters(workspace: string, query: z.infer<typeof priceFilters>): PriceFilters {
  const { model_pattern: pattern, provider, service_tier: serviceTier } = query;
  return { workspace, pattern, provider, serviceTier };
}

export const pricesPlugin: ApiPlugin<PricesOptions> = async (app, { access }) => {
  const control = () => access.store.control;

  const find = async (workspace: string, id: string): Promise<OwnPrice> =>
    requireFound(await control().prices.get(workspace, requireFound(readId(id), 'Price')), 'Price');

  app.route({
    method: 'PUT',
    url: '/v1/prices',
    config: { scope: 'admin', example: PRICE_EXAMPLE },
    schema: {
      tags: ['prices'],
      summary:
        "Set a price of the workspace's own: a new one, or other rates of the one with this pattern, provider, tier and date",
      body: putPriceBody,
      response: { 200: priceSchema, 201: priceSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { rates, ...key } = request.body;
      const input = { key: readKey(request.workspace, key), rates };
      const { price, isNew } = await putPrice(control(), principalOf(request), input, mutationOf(request));
      return reply.code(isNew ? 201 : 200).send(renderPrice(price));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: "List the workspace's own prices, newest first",
      querystring: listPricesQuery,
      response: { 200: pricePageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const filters = readFilters(workspace, query);
      const page = await control().prices.list({ ...filters, sort: query.sort, ...readPaging('price', query) });
      return reply
        .type(JSON_TYPE)
        .send(renderPage('price', query, page, (price) => JSON.stringify(renderPrice(price))));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/count',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'How many own prices match',
      querystring: priceFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) =>
      reply.type(JSON_TYPE).send(renderCount(await control().prices.count(readFilters(workspace, query)))),
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/effective',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'Which price applies to a call, and why',
      querystring: effectiveQuery,
      response: { 200: effectivePriceSchema, ...errors },
    },
    handler: async ({ workspace, query }) => {
      const { model: requestModel, provider = '', service_tier: serviceTier = '' } = query;
      const startTimeUnixNano = query.at ?? BigInt(Date.now()) * NANO_PER_MS;
      const question = { requestModel, responseModel: '', provider, serviceTier, startTimeUnixNano };
      // What is in the database, not in memory: who has just set a price sees it, whichever gateway he asks.
      const book = createPriceBook(await control().prices.allOf(workspace));
      return renderEffective(question, book.explain(workspace, question));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: "One of the workspace's own prices",
      params: idParameters,
      response: { 200: priceSchema, ...errors },
    },
    handler: async ({ workspace, params }) => renderPrice(await find(workspace, params.id)),
  });

  app.route({
    method: 'DELETE',
    url: '/v1/prices/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['prices'],
      summary: 'Delete an own price: what it was applied to keeps its cost until it is priced anew',
      params: idParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id } = await find(request.workspace, request.params.id);
      const target = { workspace: request.workspace, id };
      await deletePrice(control(), principalOf(request), target, mutationOf(request));
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/prices',
    config: { scope: 'admin' },
    schema: {
      tags: ['prices'],
      summary: 'Delete the own price with this pattern, provider, tier and date',
      querystring: priceKeyQuery,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const target = readKey(request.workspace, request.query);
      await deletePrice(control(), principalOf(request), target, mutationOf(request));
      return reply.code(204).send();
    },
  });
};
