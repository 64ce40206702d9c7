import type { FastifyReply } from 'fastify';
import type { ReadConversation } from '../../model/conversation.js';
import { createPriceBook } from '../../pricing/price-book.js';
import type { Registry } from '../../registry/registry.js';
import type { Prices } from '../../store/control/prices.js';
import type { Runs } from '../../store/control/runs.js';
import type { Page } from '../../store/page.js';
import type { GenerationQuery, GenerationReader, StoredGeneration } from '../../store/telemetry/generations.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { countPageSchema, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderCost } from './cost.js';
import type { Place } from './id.js';
import { messagesOf } from './messages.js';
import { linkedPrompt } from './prompt.js';
import { readGenerationCount, readGenerationQuery } from './query.js';
import { renderGeneration, renderOneGeneration } from './render.js';
import { withinRun } from './run.js';
import {
  costSchema,
  countGenerationsQuery,
  generationPageSchema,
  generationParameters,
  listGenerationsQuery,
  oneGenerationSchema,
} from './schema.js';

export interface GenerationsOptions {
  generations: GenerationReader;
  telemetry: TelemetryReader;
  readConversation: ReadConversation;
  /** Without it, no prompt is known. */
  registry?: Registry | undefined;
  /** Without them, no run is known. */
  runs?: Pick<Runs, 'get'> | undefined;
  /** Without them, a workspace has no prices of its own. */
  prices?: Pick<Prices, 'allOf'> | undefined;
}

const errors = { '4xx': errorSchema, '5xx': errorSchema };

export const generationsPlugin: ApiPlugin<GenerationsOptions> = async (app, options) => {
  const { generations, registry, runs, prices } = options;

  const find = async (workspace: string, place: Place): Promise<StoredGeneration> =>
    requireFound(await generations.getGeneration(workspace, place), 'Generation');

  const list = async (asked: GenerationQuery, runId: Uint8Array | undefined): Promise<Page<StoredGeneration>> =>
    generations.listGenerations(await withinRun(runs, runId, asked));

  app.route({
    method: 'GET',
    url: '/v1/generations',
    config: { scope: 'read' },
    schema: {
      tags: ['generations'],
      summary: 'List calls of models, tools and agents, whichever door and vocabulary they came by',
      querystring: listGenerationsQuery,
      response: { 200: generationPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const page = await list(readGenerationQuery(workspace, query), query.run_id);
      if (query.include !== 'messages')
        return sendJson(
          reply,
          renderPage('generation', query, page, (item) => renderGeneration(item)),
        );
      const texts = await Promise.all(
        page.items.map(async (item) => renderGeneration(item, await messagesOf(options, workspace, item))),
      );
      return sendJson(
        reply,
        renderPage('generation', query, { ...page, items: texts }, (text) => text),
      );
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/generations/count',
    config: { scope: 'read' },
    schema: {
      tags: ['generations'],
      summary: 'Count generations',
      querystring: countGenerationsQuery,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) =>
      sendJson(reply, renderCount(await list(readGenerationCount(workspace, query), query.run_id))),
  });

  app.route({
    method: 'GET',
    url: '/v1/generations/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['generations'],
      summary: 'One generation, with its messages and its prompt',
      params: generationParameters,
      response: { 200: oneGenerationSchema, ...errors },
    },
    handler: async ({ workspace, params }, reply) => {
      const generation = await find(workspace, params.id);
      const reading = messagesOf(options, workspace, generation);
      const [conversation, prompt] = await Promise.all([
        reading,
        linkedPrompt(registry, workspace, generation, reading),
      ]);
      return sendJson(reply, renderOneGeneration(generation, { conversation, prompt }));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/spans/:id/cost',
    config: { scope: 'read' },
    schema: {
      tags: ['generations'],
      summary: 'What a generation cost, line by line, and whose price it is',
      params: generationParameters,
      response: { 200: costSchema, ...errors },
    },
    handler: async ({ workspace, params }, reply) => {
      const generation = await find(workspace, params.id);
      const own = generation.cost ? [] : ((await prices?.allOf(workspace)) ?? []);
      return sendJson(reply, renderCost(generation, workspace, createPriceBook(own)));
    },
  });
};

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_TYPE).send(text);
}
