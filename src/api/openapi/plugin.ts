/** The OpenAPI 3.1 document, made from the routes' own schemas, and a page to try them. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { ApiPlugin } from '../plugin.js';

/** Before any route, so that it sees them all. */
export async function registerOpenApi(app: FastifyInstance, { version }: { version: string }): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'PromptMetrics', version, license: { name: 'MIT', identifier: 'MIT' } },
      tags: ['traces', 'logs', 'metrics', 'otlp', 'health'].map((name) => ({ name })),
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The page shows what other people's programs have sent: nothing on it runs but its own script.
    staticCSP: true,
  });
}

export const openApiPlugin: ApiPlugin<Record<never, never>> = async (app) => {
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { public: true },
    schema: { hide: true },
    handler: async (_request, reply) => reply.send(app.swagger()),
  });
};
