import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type AccessStore, createWorkspace, deleteWorkspace } from '../../access/keys.js';
import { GatewayError } from '../../errors.js';
import type { WorkspaceSummary } from '../../store/control/workspaces.js';
import type { Page } from '../../store/page.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { principalOf } from '../authentication.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { countPageSchema, readPaging, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import {
  createWorkspaceBody,
  listWorkspacesQuery,
  workspaceDetailSchema,
  workspaceFilters,
  workspacePageSchema,
  workspaceParameters,
  workspaceSchema,
} from './schema.js';

export interface WorkspacesOptions {
  access: { readonly store: AccessStore };
  telemetry: TelemetryReader;
}

const errors = { '4xx': errorSchema, '5xx': errorSchema };

/** Of one workspace, nobody learns of the others. */
async function requireMaster(request: FastifyRequest): Promise<void> {
  if (!principalOf(request).master) throw new GatewayError('FORBIDDEN', 'Workspaces take a master key');
}

type Count = Pick<Page<unknown>, 'total' | 'totalRelation'>;

function countOf({ total, totalRelation }: Count) {
  return { total, totalRelation };
}

export const workspacesPlugin: ApiPlugin<WorkspacesOptions> = async (app, { access, telemetry }) => {
  app.addHook('onRequest', requireMaster);

  const control = () => access.store.control;

  const render = async (workspace: WorkspaceSummary): Promise<z.infer<typeof workspaceSchema>> => {
    const { id, createdTimeUnixMs, apiKeys } = workspace;
    const bytes = await telemetry.storedBytes(id);
    return { id, created_at: Math.floor(createdTimeUnixMs / 1000), api_keys: apiKeys, bytes };
  };

  const find = async (id: string): Promise<WorkspaceSummary> =>
    requireFound(await control().workspaces.summary(id), 'Workspace');

  const countPrompts = async (workspace: string): Promise<Count> => ({
    total: await control().prompts.countNames({ workspace, q: '', status: 'any' }),
    totalRelation: 'eq',
  });

  const countContents = async (workspace: string) => {
    const query = { workspace, limit: 1 };
    const pages = [telemetry.listTraces(query), telemetry.listLogs(query), telemetry.listMetricPoints(query)] as const;
    const counts = [control().runs.count({ workspace }), countPrompts(workspace)];
    const [traces, logs, points, runs, prompts] = await Promise.all<Count>([...pages, ...counts]);
    return {
      traces: countOf(traces!),
      logs: countOf(logs!),
      metric_points: countOf(points!),
      runs: countOf(runs!),
      prompts: countOf(prompts!),
    };
  };

  /**
   * Its telemetry, runs and prompts would stay behind, and belong to whoever makes a workspace of that name next. What is on its way
   * through the buffer is not known here: its senders are stopped first.
   */
  const requireEmpty = async (id: string): Promise<void> => {
    const counts = await countContents(id);
    if (Object.values(counts).every(({ total, totalRelation }) => total === 0 && totalRelation === 'eq')) return;
    throw new GatewayError('CONFLICT', `Workspace ${id} still has telemetry, runs or prompts`, { details: counts });
  };

  app.route({
    method: 'GET',
    url: '/v1/workspaces',
    config: { scope: 'admin' },
    schema: {
      tags: ['workspaces'],
      summary: 'List all workspaces by id (master key)',
      querystring: listWorkspacesQuery,
      response: { 200: workspacePageSchema, ...errors },
    },
    handler: async ({ query }, reply) => {
      const { prefix: idPrefix, sort } = query;
      const page = await control().workspaces.summaries({ idPrefix, sort, ...readPaging('workspace', query) });
      const items = await Promise.all(page.items.map(render));
      return reply
        .type(JSON_TYPE)
        .send(renderPage('workspace', query, { ...page, items }, (item) => JSON.stringify(item)));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/workspaces/count',
    config: { scope: 'admin' },
    schema: {
      tags: ['workspaces'],
      summary: 'How many workspaces match (master key)',
      querystring: workspaceFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ query }, reply) =>
      reply.type(JSON_TYPE).send(renderCount(await control().workspaces.count({ idPrefix: query.prefix }))),
  });

  app.route({
    method: 'GET',
    url: '/v1/workspaces/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['workspaces'],
      summary: 'One workspace, with what it holds (master key)',
      params: workspaceParameters,
      response: { 200: workspaceDetailSchema, ...errors },
    },
    handler: async ({ params: { id } }) => {
      const workspace = await find(id);
      return { ...(await render(workspace)), ...(await countContents(id)) };
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/workspaces',
    config: { scope: 'admin', example: { id: 'acme' } },
    schema: {
      tags: ['workspaces'],
      summary: 'Make a workspace (master key)',
      body: createWorkspaceBody,
      response: { 201: workspaceSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id } = request.body;
      await createWorkspace(access.store, principalOf(request), id, mutationOf(request));
      return reply.code(201).send(await render(await find(id)));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/workspaces/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['workspaces'],
      summary: 'Delete a workspace without telemetry, runs and prompts, and revoke its keys (master key)',
      description:
        '409 while it has traces, logs, metric points, runs or prompts. Stop its senders first: data on its way is not seen.',
      params: workspaceParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      await find(id);
      await requireEmpty(id);
      await deleteWorkspace(access.store, principalOf(request), id, mutationOf(request));
      return reply.code(204).send();
    },
  });
};
