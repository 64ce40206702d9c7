/** 405 with Allow for the methods that a known path doesn't have; the router alone would say 404. */
import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import { GatewayError } from '../errors.js';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Collects what is registered after this call; the returned function then fills the gaps. */
export function collectMethods(app: FastifyInstance): () => void {
  const byUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const methods = byUrl.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    byUrl.set(url, methods);
  });
  return () => {
    const known = [...byUrl].map(([url, methods]) => [url, new Set(methods)] as const);
    for (const [url, methods] of known) if (!url.includes('*')) refuseOthers(app, url, methods);
  };
}

function refuseOthers(app: FastifyInstance, url: string, allowed: ReadonlySet<string>): void {
  const method = METHODS.filter((each) => !allowed.has(each));
  const allow = METHODS.filter((each) => allowed.has(each)).join(', ');
  app.route({
    method,
    url,
    config: { scope: 'any' },
    schema: { hide: true },
    // In a hook, so that no body is read first.
    onRequest: async (request, reply) => {
      reply.header('allow', allow);
      throw new GatewayError('METHOD_NOT_ALLOWED', `${request.method} is not allowed here; allowed: ${allow}`);
    },
    handler: () => {},
  });
}
