/** The OpenAPI 3.1 document, made from the routes' own schemas, and a page to try them. */
import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { BATCH_ID_HEADER } from '../../component.js';
import type { ApiPlugin } from '../plugin.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A body that this route takes, for the document: zod drops examples of what it transforms. */
    example?: unknown;
    /** What was taken is in the buffer, and its answer says by what to ask for it. */
    answersWithBatch?: boolean;
  }
}

type Schemas = Record<string, unknown>;

/** Names of the schemas that `part` refers to, and of those that these refer to. */
function referenced(part: unknown, schemas: Schemas, found = new Set<string>()): Set<string> {
  for (const [, name] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (found.has(name!)) continue;
    found.add(name!);
    referenced(schemas[name!] ?? {}, schemas, found);
  }
  return found;
}

interface Parameter {
  schema?: { style?: string; explode?: boolean };
  style?: string;
  explode?: boolean;
}

interface Document {
  paths?: Record<string, Record<string, { parameters?: Parameter[] }>>;
  components?: { schemas?: Schemas };
}

/** How an object is written in a query belongs to the parameter; the generator leaves it in the schema. */
function liftStyle(parameter: Parameter): void {
  const { style, explode } = parameter.schema ?? {};
  if (style === undefined || explode === undefined) return;
  Object.assign(parameter, { style, explode });
  delete parameter.schema?.style;
  delete parameter.schema?.explode;
}

/** The transform makes an input twin of each named schema; those that no path refers to only confuse. */
function dropUnused({ paths, components }: Document): void {
  const schemas = components?.schemas ?? {};
  const used = referenced(paths ?? {}, schemas);
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
}

const transformObject: SwaggerTransformObject = (input) => {
  const whole = jsonSchemaTransformObject(input);
  const document = whole as Document;
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
  for (const { parameters } of operations) parameters?.forEach(liftStyle);
  dropUnused(document);
  return whole;
};

const TAGS = [
  'traces',
  'logs',
  'metrics',
  'generations',
  'sessions',
  'usage',
  'runs',
  'prices',
  'prompts',
  'labels',
  'otlp',
  'ingest',
  'dead letters',
  'api keys',
  'workspaces',
  'audit logs',
  'health',
];

const SECURITY_SCHEMES = {
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  bearer: { type: 'http', scheme: 'bearer' },
} as const;

/** Either of them; OpenAPI 3.1 lets the scope stand where OAuth has its own. Public routes take none. */
function securityOf({ scope }: FastifyContextConfig): Record<string, string[]>[] {
  if (scope === undefined) return [];
  const scopes = scope === 'any' ? [] : [scope];
  return [{ apiKey: scopes }, { bearer: scopes }];
}

const BATCH_HEADERS = {
  [BATCH_ID_HEADER]: {
    type: 'string',
    description:
      'For `GET /v1/ingest/batches/{id}`, which tells what became of the request. Absent where nothing was taken: a request ' +
      'without items, and an answer that was kept for its idempotency key.',
  },
};

function withBatchHeaders(responses: unknown): unknown {
  const described = Object.entries((responses ?? {}) as Record<string, object>).map(([status, schema]) => [
    status,
    status.startsWith('2') ? { ...schema, headers: BATCH_HEADERS } : schema,
  ]);
  return Object.fromEntries(described);
}

/** Of a query: zod drops the examples of what it transforms, as it does of times, ids, flags and numbers. */
function withExamples(querystring: unknown, { shape }: z.ZodObject): unknown {
  const { properties = {}, ...rest } = querystring as { properties?: Record<string, object> };
  const shown = Object.entries(properties).map(([name, property]) => {
    const examples = examplesOf(shape[name]);
    return [name, examples === undefined ? property : { ...property, examples }];
  });
  return { ...rest, properties: Object.fromEntries(shown) };
}

function examplesOf(schema: unknown): unknown {
  if (!(schema instanceof z.ZodType)) return undefined;
  return schema.meta()?.examples ?? (schema instanceof z.ZodOptional ? examplesOf(schema.unwrap()) : undefined);
}

const transform: typeof jsonSchemaTransform = (input) => {
  const { schema, url } = jsonSchemaTransform(input);
  if (schema.hide) return { schema, url };
  const { config = {} } = input.route;
  const body = config.example === undefined ? schema.body : { ...(schema.body as object), examples: [config.example] };
  const response = config.answersWithBatch ? withBatchHeaders(schema.response) : schema.response;
  const asked = input.schema?.querystring;
  const querystring = asked instanceof z.ZodObject ? withExamples(schema.querystring, asked) : schema.querystring;
  const said = {
    ...(body !== undefined && { body }),
    ...(querystring !== undefined && { querystring }),
    ...(response !== undefined && { response }),
  };
  return { schema: { ...schema, ...said, security: securityOf(config) }, url };
};

/** Before any route, so that it sees them all. */
export async function registerOpenApi(app: FastifyInstance, { version }: { version: string }): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'PromptMetrics', version, license: { name: 'MIT', identifier: 'MIT' } },
      tags: TAGS.map((name) => ({ name })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform,
    transformObject,
  });
  await app.register(docsPage);
}

const docsPage: ApiPlugin<Record<never, never>> = async (app) => {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, public: true };
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { layout: 'BaseLayout' },
    // The page shows what other people's programs have sent: nothing on it runs but its own script. The plugin's own
    // policy also has upgrade-insecure-requests, with which the page stays empty on a host without TLS.
    staticCSP: { 'default-src': "'self'", 'img-src': ["'self'", 'data:'], 'object-src': "'none'" },
  });
};

export const openApiPlugin: ApiPlugin<Record<never, never>> = async (app) => {
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { public: true },
    schema: { hide: true },
    handler: async (_request, reply) => reply.send(app.swagger()),
  });
};
