/** The API of a gateway that stores nothing: its health, what its backends refused, and OTLP. */
import type { FastifyInstance } from 'fastify';
import type { BytesInFlight, OtlpHandler } from '../component.js';
import { GatewayError } from '../errors.js';
import { deadLettersPlugin } from './dead-letters/plugin.js';
import type { DeadLetters } from './dead-letters/source.js';
import type { NotFound } from './errors.js';
import { type HealthOptions, healthPlugin } from './health/plugin.js';
import { ingestPlugin } from './ingest/plugin.js';
import type { Batches } from './ingest/source.js';
import { type Api, createListener } from './listener.js';
import { collectMethods } from './methods.js';
import { otlpPlugin } from './otlp/plugin.js';
import { pipelinePlugin } from './pipeline/plugin.js';
import type { ReadPipeline } from './pipeline/source.js';
import { buildShell, MAX_JSON_BYTES, type ShellOptions } from './shell.js';

export interface ForwardApiOptions extends HealthOptions, ShellOptions {
  otlp: OtlpHandler;
  inFlight: BytesInFlight;
  deadLetters: DeadLetters;
  /** Without it, nothing is told of what became of a request. */
  batches?: Batches;
  /** Without it, nothing is told of the stages of the path. */
  readPipeline?: ReadPipeline;
}

const MODE = 'This gateway runs with MODE=forward: it takes OTLP and sends it on, and stores nothing';

/** Whoever asks for what a gateway with a store has should hear why this one has it not. */
const notFound: NotFound = (method, path) => {
  const here = `${method} ${path}`;
  if (path.startsWith('/v1/')) return new GatewayError('UNIMPLEMENTED', `${MODE}. There is no ${here}`);
  return new GatewayError('NOT_FOUND', `No such endpoint: ${here}`);
};

const noNativeRequests = () => new GatewayError('UNIMPLEMENTED', `${MODE}. This request is none of OTLP`);

export async function buildForwardApp(options: ForwardApiOptions): Promise<FastifyInstance> {
  const { health, version, metrics, deadLetters, otlp, inFlight } = options;
  const app = await buildShell({ ...options, notFound });
  // Before methods are collected: another method on these paths is a request to the store.
  await app.register(otlpPlugin, {
    otlp,
    inFlight,
    maxNativeBytes: MAX_JSON_BYTES,
    native: {},
    refusal: noNativeRequests,
  });
  const refuseOtherMethods = collectMethods(app);
  await app.register(healthPlugin, { health, version, metrics });
  if (options.readPipeline) await app.register(pipelinePlugin, { readPipeline: options.readPipeline });
  if (options.batches) await app.register(ingestPlugin, { batches: options.batches });
  await app.register(deadLettersPlugin, { deadLetters, audit: undefined });
  refuseOtherMethods();
  return app;
}

export function createForwardApi(options: ForwardApiOptions): Api {
  return createListener(options.config, () => buildForwardApp(options));
}
