/** The API as a fastify instance that doesn't listen yet: the shell, then the groups. */
import type { FastifyInstance } from 'fastify';
import type { AccessStore } from '../access/keys.js';
import type { OtlpHandler } from '../component.js';
import type { ReadConversation } from '../model/conversation.js';
import type { NativeIntake } from '../model/native.js';
import type { Registry } from '../registry/registry.js';
import type { GenerationReader } from '../store/telemetry/generations.js';
import type { TelemetryReader } from '../store/telemetry/telemetry.js';
import { apiKeysPlugin } from './api-keys/plugin.js';
import { createAudit } from './audit.js';
import { auditLogsPlugin } from './audit-logs/plugin.js';
import { UNBOUNDED } from './compression.js';
import { deadLettersPlugin } from './dead-letters/plugin.js';
import type { DeadLetters } from './dead-letters/source.js';
import { generationsPlugin } from './generations/plugin.js';
import { type HealthOptions, healthPlugin } from './health/plugin.js';
import { ingestPlugin } from './ingest/plugin.js';
import type { Batches } from './ingest/source.js';
import { labelsPlugin } from './labels/plugin.js';
import { labelProposalsPlugin } from './labels/proposals.js';
import { protectedLabelsPlugin } from './labels/protected.js';
import { createLogs, logsPlugin } from './logs/plugin.js';
import { collectMethods } from './methods.js';
import { openApiPlugin, registerOpenApi } from './openapi/plugin.js';
import { otelLogsPlugin } from './otel-logs/plugin.js';
import { otelMetricsPlugin } from './otel-metrics/plugin.js';
import { otlpPlugin } from './otlp/plugin.js';
import { pipelinePlugin } from './pipeline/plugin.js';
import type { ReadPipeline } from './pipeline/source.js';
import { pricesPlugin } from './prices/plugin.js';
import { repricingPlugin } from './prices/repricing.js';
import { promptEventsPlugin } from './prompts/events.js';
import { promptsPlugin } from './prompts/plugin.js';
import { runsPlugin } from './runs/plugin.js';
import { sessionsPlugin } from './sessions/plugin.js';
import { buildShell, MAX_JSON_BYTES, type ShellOptions } from './shell.js';
import { createTraces, traceChangesPlugin } from './traces/changes.js';
import { tracesPlugin } from './traces/plugin.js';
import { spansPlugin } from './traces/spans.js';
import { usagePlugin } from './usage/plugin.js';
import { webhooksPlugin } from './webhooks/plugin.js';
import { workspacesPlugin } from './workspaces/plugin.js';

export interface ApiOptions extends HealthOptions, ShellOptions {
  telemetry: TelemetryReader;
  /** Without it, nothing is told of calls to models, of sessions and users, and of their sums. */
  generations?: { reader: GenerationReader; readConversation: ReadConversation };
  /** Without it, this port takes no OTLP. */
  otlp?: OtlpHandler;
  /** Without it, traces, spans and logs come by OTLP alone; its bodies are read as OTLP's are. */
  native?: NativeIntake;
  /** Without it, nothing is told of dead letters. */
  deadLetters?: DeadLetters;
  /** Without it, nothing is told of what became of a request. */
  batches?: Batches;
  /** Without it, nothing is told of the stages of the path. */
  readPipeline?: ReadPipeline;
  /** Without it, there are no endpoints for keys, workspaces and the audit log. */
  access?: { readonly store: AccessStore };
  /** Without it, there are no endpoints for prompts and labels. */
  registry?: Registry;
  /** What GitHub signs its webhook with. */
  webhookSecret?: string | undefined;
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
  const { runs, prices } = access?.store.control ?? {};
  await app.register(generationsPlugin, { generations: reader, telemetry, readConversation, registry, runs, prices });
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
  const { version, telemetry, health, metrics, events } = options;
  const app = await buildShell(options);
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
  if (options.batches) await app.register(ingestPlugin, { batches: options.batches });
  if (options.readPipeline) await app.register(pipelinePlugin, { readPipeline: options.readPipeline });
  await registerRegistry(app, options);
  await registerGenerations(app, options);
  await registerIntake(app, options);
  refuseOtherMethods();
  return app;
}
