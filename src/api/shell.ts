/** What stands above all groups of endpoints: a fastify instance with its hooks, and no route yet. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { Identify } from '../access/principal.js';
import { BATCH_ID_HEADER, type BytesInFlight } from '../component.js';
import { registerAuthentication, registerScopes } from './authentication.js';
import { answerClientError } from './client-error.js';
import { registerClosing } from './closing.js';
import { registerCompression, UNBOUNDED } from './compression.js';
import type { ApiConfig } from './config.js';
import { apiError, type NotFound, registerErrors, sendError } from './errors.js';
import { registerEtag } from './etag.js';
import type { ApiEvents } from './events.js';
import { parseQueryString } from './query-string.js';
import { type RateLimit, registerRateLimit } from './rate-limit.js';
import { type RequestTracing, registerTracing } from './tracing.js';
import { validatorCompiler } from './validation.js';

export interface ShellOptions {
  config: ApiConfig;
  /** Without it, the bodies that this API reads by itself count nowhere. */
  inFlight?: BytesInFlight;
  identify: Identify;
  /** For what the OTLP doors take as well; `identify` when it is absent. */
  identifyOtlp?: Identify;
  /** Without it, nobody is limited. */
  limit?: RateLimit;
  /** Without it, no request has a span. */
  tracing?: RequestTracing | undefined;
  /** What a path is told that leads nowhere. */
  notFound?: NotFound;
  events: ApiEvents;
}

/** Longer than SDKs keep an idle connection between two exports (60 s for metrics). */
const KEEP_ALIVE_TIMEOUT_MS = 90_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** Plugins wait for nothing but the processor, which a machine at its start may have for others. */
const PLUGIN_TIMEOUT_MS = 120_000;
/** What clients of this API may send; OTLP has a limit of its own. */
export const MAX_JSON_BYTES = 10 * 2 ** 20;

const RATE_LIMIT_HEADERS = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];

function requestId(request: IncomingMessage): string {
  const header = request.headers['x-request-id'];
  return typeof header === 'string' && header !== '' ? header : randomUUID();
}

function createInstance(trustedProxies: readonly string[]): FastifyInstance {
  return fastify({
    logger: false,
    // Whose X-Forwarded-For is believed; nobody's by default.
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: requestId as never,
    bodyLimit: MAX_JSON_BYTES,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    pluginTimeout: PLUGIN_TIMEOUT_MS,
    // What comes in on an open connection while we close is answered; `Connection: close` ends it.
    return503OnClosing: false,
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      maxParamLength: 1024,
      querystringParser: parseQueryString,
    },
    clientErrorHandler: answerClientError,
    // A path that can't be decoded has no route, so no hook runs: the answer is the same nevertheless.
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendError(reply as unknown as FastifyReply, apiError(error));
    },
  });
}

/** Clients say JSON out of habit, also where they send nothing: a DELETE, or a POST that asks for the defaults. */
function registerJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, null);
    else parse(request, body, done);
  });
}

function registerHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    done();
  });
}

function registerMeasurement(app: FastifyInstance, events: ApiEvents): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    events.answered({ method: request.method, route, status: reply.statusCode, durationMs: reply.elapsedTime });
    done();
  });
}

async function registerCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'etag', 'retry-after', BATCH_ID_HEADER, ...RATE_LIMIT_HEADERS],
  });
}

export async function buildShell(options: ShellOptions): Promise<FastifyInstance> {
  const { config, events } = options;
  const app = createInstance(config.trustedProxies);
  app.setValidatorCompiler(validatorCompiler as Parameters<typeof app.setValidatorCompiler>[0]);
  // Answers are documented by their schemas and checked against them by tests, not again for each request.
  app.setSerializerCompiler<z.ZodType>(() => (data) => JSON.stringify(data));
  registerJson(app);
  registerCompression(app, { maxBytes: MAX_JSON_BYTES, inFlight: options.inFlight ?? UNBOUNDED });
  registerErrors(app, events, options.notFound);
  registerMeasurement(app, events);
  registerTracing(app, options.tracing);
  registerClosing(app);
  registerHeaders(app);
  await registerCors(app, config.corsOrigins);
  registerAuthentication(app, { ...options, origins: config.corsOrigins });
  registerRateLimit(app, options.limit);
  registerScopes(app);
  registerEtag(app);
  return app;
}
