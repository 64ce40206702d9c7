/** OTLP on the API's port: `/v1/traces`, `/v1/logs`, `/v1/metrics` by content. What is OTLP is answered by its handler. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type OtlpHandler, SIGNALS, type Signal } from '../../component.js';
import { GatewayError } from '../../errors.js';
import { apiError, errorSchema } from '../errors.js';
import type { ApiPlugin } from '../plugin.js';
import { validationError } from '../validation.js';

const RESOURCES: Readonly<Record<Signal, string>> = {
  traces: 'resourceSpans',
  logs: 'resourceLogs',
  metrics: 'resourceMetrics',
};

function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/** The raw response doesn't know what hooks have set on the reply: CORS, the request id. */
function handOver(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.hijack();
}

async function answerProtobuf(otlp: OtlpHandler, signal: Signal, request: FastifyRequest, reply: FastifyReply) {
  handOver(reply);
  await otlp.handle(signal, request.workspace, request.raw, reply.raw);
}

async function answerJson(otlp: OtlpHandler, signal: Signal, request: FastifyRequest, reply: FastifyReply) {
  const body = await otlp.readBody(request.raw, reply.raw);
  if (!otlp.looksLikeOtlpJson(body)) throw validationError([`"${RESOURCES[signal]}" is required`]);
  handOver(reply);
  await otlp.handleBody(signal, request.workspace, 'json', body, request.raw, reply.raw);
}

/** A client that speaks protobuf is refused in protobuf; JSON may be native, and gets the error of this port. */
function refuse(otlp: OtlpHandler, signal: Signal, thrown: unknown, request: FastifyRequest, reply: FastifyReply) {
  const error = apiError(thrown);
  // Goes on to the error handler of all groups.
  if (mediaType(request) !== 'application/x-protobuf') throw error;
  handOver(reply);
  otlp.refuse(signal, error, request.raw, reply.raw);
}

export const otlpPlugin: ApiPlugin<{ otlp: OtlpHandler }> = async (app, { otlp }) => {
  // Nothing is read before it is known whose request it is.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  for (const signal of SIGNALS) {
    app.route({
      method: 'POST',
      url: `/v1/${signal}`,
      config: {
        scope: 'write',
        example: { [RESOURCES[signal]]: [] },
        // OTLP has limits of its own. What JSON is, nobody knows before it is read.
        counted: (request) => mediaType(request) !== 'application/x-protobuf',
      },
      schema: {
        tags: ['otlp'],
        summary: `Export${signal[0]!.toUpperCase()}${signal.slice(1)}ServiceRequest of OTLP, as protobuf or JSON`,
        consumes: ['application/x-protobuf', 'application/json'],
        body: z.looseObject({}),
        response: { 200: z.looseObject({}), '4xx': errorSchema, '5xx': errorSchema },
      },
      errorHandler: (thrown, request, reply) => refuse(otlp, signal, thrown, request, reply),
      // The body's schema is for the document: what is in it is for the handler to judge.
      validatorCompiler: () => (value: unknown) => ({ value }),
      handler: async (request, reply) => {
        const type = mediaType(request);
        if (type === 'application/x-protobuf') return answerProtobuf(otlp, signal, request, reply);
        if (type === 'application/json') return answerJson(otlp, signal, request, reply);
        throw new GatewayError(
          'UNSUPPORTED_MEDIA_TYPE',
          'Unsupported Content-Type; supported: application/x-protobuf, application/json',
        );
      },
    });
  }
};
