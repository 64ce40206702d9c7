import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GatewayError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** From `X-Workspace-Id`; 'default' without it. This hook is the only place that knows the default. */
    workspace: string;
  }
}

const WORKSPACE = /^[a-zA-Z0-9_-]{1,128}$/;
const DEFAULT_WORKSPACE = 'default';

export function workspaceOf(header: string | string[] | undefined): string {
  if (header === undefined) return DEFAULT_WORKSPACE;
  if (typeof header === 'string' && WORKSPACE.test(header)) return header;
  throw new GatewayError(
    'BAD_REQUEST',
    'Invalid X-Workspace-Id header. Must be 1-128 characters and contain only letters, numbers, underscores, and hyphens.',
  );
}

/** Before authentication and on every route, /health included: clients rely on that order. */
export function registerWorkspace(app: FastifyInstance): void {
  app.decorateRequest('workspace', '');
  app.addHook('onRequest', async (request: FastifyRequest) => {
    request.workspace = workspaceOf(request.headers['x-workspace-id']);
  });
}
