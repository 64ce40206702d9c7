import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type AccessStore, createWorkspace, deleteWorkspace } from '../../access/keys.js';
import { GatewayError } from '../../errors.js';
import type { Workspace } from '../../store/control/workspaces.js';
import type { Page, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { principalOf } from '../authentication.js';
import { errorSchema } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import {
  createWorkspaceBody,
  listWorkspacesQuery,
  workspaceDetailSchema,
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

function countOf({ total, totalRelation }: Page<unknown>) {
  return { total, totalRelation };
}

export const workspacesPlugin: ApiPlugin<WorkspacesOptions> = async (app, { access, telemetry }) => {
  app.addHook('onRequest', requireMaster);

  const render = async ({ id, createdTimeUnixMs }: Workspace): Promise<z.infer<typeof workspaceSchema>> => {
    const keys = await access.store.control.apiKeys.list({ visible: { workspace: id }, limit: 1 });
    return { id, created_at: Math.floor(createdTimeUnixMs / 1000), api_keys: keys.total };
  };

  const countTelemetry = async (workspace: string) => {
    const query = { workspace, limit: 1 };
    const pages = [telemetry.listTraces(query), telemetry.listLogs(query), telemetry.listMetricPoints(query)] as const;
    const [traces, logs, points] = await Promise.all<Page<unknown>>(pages);
    return { traces: countOf(traces!), logs: countOf(logs!), metric_points: countOf(points!) };
  };

  /**
   * Its telemetry would stay behind, and belong to whoever makes a workspace of that name next. What is on its way
   * through the buffer is not known here: its senders are stopped first.
   */
  const requireEmpty = async (id: string): Promise<void> => {
    const counts = await countTelemetry(id);
    if (Object.values(counts).every(({ total }) => total === 0)) return;
    throw new GatewayError('CONFLICT', `Workspace ${id} still has telemetry`, { details: counts });
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
    handler: async ({ query: { page, limit } }) => {
      const all = await access.store.control.workspaces.list();
      const items = await Promise.all(all.slice((page - 1) * limit, page * limit).map(render));
      return { items, total: all.length, page, limit, totalPages: Math.ceil(all.length / limit) };
    },
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
      const workspace = requireFound(await access.store.control.workspaces.get(id), 'Workspace');
      return { ...(await render(workspace)), ...(await countTelemetry(id)) };
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
      const workspace = await createWorkspace(access.store, principalOf(request), id, mutationOf(request));
      return reply.code(201).send(await render(workspace));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/workspaces/:id',
    config: { scope: 'admin' },
    schema: {
      tags: ['workspaces'],
      summary: 'Delete a workspace without telemetry, and revoke its keys (master key)',
      description:
        '409 while it has traces, logs or metric points. Stop its senders first: data on its way is not seen.',
      params: workspaceParameters,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      requireFound(await access.store.control.workspaces.get(id), 'Workspace');
      await requireEmpty(id);
      await deleteWorkspace(access.store, principalOf(request), id, mutationOf(request));
      return reply.code(204).send();
    },
  });
};
