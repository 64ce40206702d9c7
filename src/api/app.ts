/** The API as a fastify instance that doesn't listen yet: the hooks above all groups, then the groups. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { AccessStore } from '../access/keys.js';
import type { Identify } from '../access/principal.js';
import type { BytesInFlight, OtlpHandler } from '../component.js';
import type { ReadConversation } from '../model/conversation.js';
import type { NativeIntake } from '../model/native.js';
import type { Registry } from '../registry/registry.js';
import type { GenerationReader } from '../store/telemetry/generations.js';
import type { TelemetryReader } from '../store/telemetry/telemetry.js';
import { apiKeysPlugin } from './api-keys/plugin.js';
import { createAudit } from './audit.js';
import { auditLogsPlugin } from './audit-logs/plugin.js';
import { registerAuthentication, registerScopes } from './authentication.js';
import { answerClientError } from './client-error.js';
import { registerClosing } from './closing.js';
import { registerCompression, UNBOUNDED } from './compression.js';
import type { ApiConfig } from './config.js';
import { deadLettersPlugin } from './dead-letters/plugin.js';
import type { DeadLetters } from './dead-letters/source.js';
import { apiError, registerErrors, sendError } from './errors.js';
import { registerEtag } from './etag.js';
import type { ApiEvents } from './events.js';
import { generationsPlugin } from './generations/plugin.js';
import { type HealthOptions, healthPlugin } from './health/plugin.js';
import { labelsPlugin } from './labels/plugin.js';
import { labelProposalsPlugin } from './labels/proposals.js';
import { protectedLabelsPlugin } from './labels/protected.js';
import { createLogs, logsPlugin } from './logs/plugin.js';
import { collectMethods } from './methods.js';
import { openApiPlugin, registerOpenApi } from './openapi/plugin.js';
import { otelLogsPlugin } from './otel-logs/plugin.js';
import { otelMetricsPlugin } from './otel-metrics/plugin.js';
import { otlpPlugin } from './otlp/plugin.js';
import { pricesPlugin } from './prices/plugin.js';
import { repricingPlugin } from './prices/repricing.js';
import { promptEventsPlugin } from './prompts/events.js';
import { promptsPlugin } from './prompts/plugin.js';
import { parseQueryString } from './query-string.js';
import { type RateLimit, registerRateLimit } from './rate-limit.js';
import { runsPlugin } from './runs/plugin.js';
import { sessionsPlugin } from './sessions/plugin.js';
import { createTraces, traceChangesPlugin } from './traces/changes.js';
import { tracesPlugin } from './traces/plugin.js';
import { spansPlugin } from './traces/spans.js';
import { usagePlugin } from './usage/plugin.js';
import { validatorCompiler } from './validation.js';
import { webhooksPlugin } from './webhooks/plugin.js';
import { workspacesPlugin } from './workspaces/plugin.js';

export interface ApiOptions extends HealthOptions {
  config: ApiConfig;
  telemetry: TelemetryReader;
  /** Without it, nothing is told of calls to models, of sessions and users, and of their sums. */
  generations?: { reader: GenerationReader; readConversation: ReadConversation };
  /** Without it, this port takes no OTLP. */
  otlp?: OtlpHandler;
  /** Without it, traces, spans and logs come by OTLP alone; its bodies are read as OTLP's are. */
  native?: NativeIntake;
  /** Without it, the bodies that this API reads by itself count nowhere. */
  inFlight?: BytesInFlight;
  /** Without it, nothing is told of dead letters. */
  deadLetters?: DeadLetters;
  identify: Identify;
  /** For OTLP in protobuf on this port; `identify` when it is absent. */
  identifyOtlp?: Identify;
  /** Without it, there are no endpoints for keys, workspaces and the audit log. */
  access?: { readonly store: AccessStore };
  /** Without it, there are no endpoints for prompts and labels. */
  registry?: Registry;
  /** What GitHub signs its webhook with. */
  webhookSecret?: string | undefined;
  /** Without it, nobody is limited. */
  limit?: RateLimit;
  events: ApiEvents;
}

/** Longer than SDKs keep an idle connection between two exports (60 s for metrics). */
const KEEP_ALIVE_TIMEOUT_MS = 90_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** Plugins wait for nothing but the processor, which a machine at its start may have for others. */
const PLUGIN_TIMEOUT_MS = 120_000;
/** What clients of this API may send; OTLP has a limit of its own. */
const MAX_JSON_BYTES = 10 * 2 ** 20;

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
    exposedHeaders: ['x-request-id', 'etag', 'retry-after', ...RATE_LIMIT_HEADERS],
  });
}

async function registerAccess(
  app: FastifyInstance,
  access: { readonly store: AccessStore },
  { telemetry, events }: ApiOptions,
): Promise<void> {
  await app.register(apiKeysPlugin, { access });
  await app.register(workspacesPlugin, { access, telemetry });
  await app.register(auditLogsPlugin, { access, events });
  await app.register(runsPlugin, { access, telemetry });
  await app.register(pricesPlugin, { access });
  await app.register(repricingPlugin, { access });
}

async function registerRegistry(app: FastifyInstance, { webhookSecret: secret, registry }: ApiOptions): Promise<void> {
  if (!registry) return;
  await app.register(webhooksPlugin, { registry, secret });
  await app.register(promptsPlugin, { registry });
  await app.register(promptEventsPlugin, { registry });
  await app.register(labelsPlugin, { registry });
  await app.register(labelProposalsPlugin, { registry });
  await app.register(protectedLabelsPlugin, { registry });
}

async function registerGenerations(
  app: FastifyInstance,
  { generations, telemetry, registry, access }: ApiOptions,
): Promise<void> {
  if (!generations) return;
  const { reader, readConversation } = generations;
  const runs = access?.store.control.runs;
  await app.register(generationsPlugin, { generations: reader, telemetry, readConversation, registry, runs });
  await app.register(sessionsPlugin, { generations: reader });
  if (access) await app.register(usagePlugin, { access, generations: reader, telemetry });
}

/** The paths that OTLP and the native API share are read in one place, and answered by whose they are. */
async function registerIntake(app: FastifyInstance, options: ApiOptions): Promise<void> {
  const { otlp, native, telemetry, inFlight = UNBOUNDED } = options;
  if (!otlp) return;
  const bodies = { otlp, inFlight, maxNativeBytes: MAX_JSON_BYTES };
  if (native) await app.register(traceChangesPlugin, { telemetry, intake: native, bodies });
  const routes = native ? { traces: createTraces(native), logs: createLogs(native) } : {};
  await app.register(otlpPlugin, { ...bodies, native: routes });
}

export async function buildApp(options: ApiOptions): Promise<FastifyInstance> {
  const { config, events, version, telemetry, health, metrics } = options;
  const app = createInstance(config.trustedProxies);
  app.setValidatorCompiler(validatorCompiler as Parameters<typeof app.setValidatorCompiler>[0]);
  // Answers are documented by their schemas and checked against them by tests, not again for each request.
  app.setSerializerCompiler<z.ZodType>(() => (data) => JSON.stringify(data));
  registerJson(app);
  registerCompression(app, { maxBytes: MAX_JSON_BYTES, inFlight: options.inFlight ?? UNBOUNDED });
  registerErrors(app, events);
  registerMeasurement(app, events);
  registerClosing(app);
  registerHeaders(app);
  await registerCors(app, config.corsOrigins);
  registerAuthentication(app, { ...options, origins: config.corsOrigins });
  registerRateLimit(app, options.limit);
  registerScopes(app);
  registerEtag(app);
  await registerOpenApi(app, { version });
  const refuseOtherMethods = collectMethods(app);
  await app.register(openApiPlugin);
  await app.register(healthPlugin, { health, version, metrics });
  await app.register(tracesPlugin, { telemetry, events });
  await app.register(spansPlugin, { telemetry });
  await app.register(logsPlugin, { telemetry });
  await app.register(otelLogsPlugin, { telemetry });
  await app.register(otelMetricsPlugin, { telemetry });
  if (options.access) await registerAccess(app, options.access, options);
  const audit = options.access && createAudit(options.access);
  if (options.deadLetters) await app.register(deadLettersPlugin, { deadLetters: options.deadLetters, audit });
  await registerRegistry(app, options);
  await registerGenerations(app, options);
  await registerIntake(app, options);
  refuseOtherMethods();
  return app;
}
