/**
 * OTLP on the API's port: `/v1/traces`, `/v1/logs`, `/v1/metrics` by content. What is OTLP is answered by its handler; other
 * JSON is native, where the path has a native request.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type OtlpHandler, SIGNALS, type Signal } from '../../component.js';
import type { GatewayError } from '../../errors.js';
import { apiError, errorSchema } from '../errors.js';
import { idempotencyHeaders } from '../idempotency.js';
import {
  type BodyReaderOptions,
  checkNativeBytes,
  mediaType,
  NDJSON_TYPES,
  readJson,
  unsupportedType,
} from '../native-body.js';
import type { NativeRoute, NativeRoutes } from '../native-route.js';
import type { ApiPlugin } from '../plugin.js';
import { validationError } from '../validation.js';

export interface OtlpOptions extends BodyReaderOptions {
  otlp: OtlpHandler;
  native: NativeRoutes;
  /** Where no path has a native request: what one is told. All that comes is then asked for its key as OTLP is. */
  refusal?: () => GatewayError;
}

const RESOURCES: Readonly<Record<Signal, string>> = {
  traces: 'resourceSpans',
  logs: 'resourceLogs',
  metrics: 'resourceMetrics',
};

const PROTOBUF = 'application/x-protobuf';
const JSON_MEDIA = 'application/json';

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

async function answerNative(
  options: OtlpOptions,
  signal: Signal,
  body: Buffer,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const route = options.native[signal];
  if (route === undefined) throw options.refusal?.() ?? validationError([`"${RESOURCES[signal]}" is required`]);
  checkNativeBytes(body.length, options);
  return route.answer(request, reply, body);
}

async function answerJson(options: OtlpOptions, signal: Signal, request: FastifyRequest, reply: FastifyReply) {
  const { otlp } = options;
  const body = await readJson(options, request, reply);
  if (!otlp.looksLikeOtlpJson(body)) return answerNative(options, signal, body, request, reply);
  handOver(reply);
  await otlp.handleBody(signal, request.workspace, 'json', body, request.raw, reply.raw);
}

async function answerLines(options: OtlpOptions, signal: Signal, request: FastifyRequest, reply: FastifyReply) {
  return answerNative(options, signal, await readJson(options, request, reply), request, reply);
}

/** A client that speaks protobuf is refused in protobuf; JSON may be native, and gets the error of this port. */
function refuse(otlp: OtlpHandler, signal: Signal, thrown: unknown, request: FastifyRequest, reply: FastifyReply) {
  const error = apiError(thrown);
  // Goes on to the error handler of all groups.
  if (mediaType(request) !== PROTOBUF) throw error;
  handOver(reply);
  otlp.refuse(signal, error, request.raw, reply.raw);
}

function typesOf(native: NativeRoute | undefined): string[] {
  return [PROTOBUF, JSON_MEDIA, ...(native?.lines ? NDJSON_TYPES : [])];
}

function summaryOf(signal: Signal, native: NativeRoute | undefined): string {
  const request = `Export${signal[0]!.toUpperCase()}${signal.slice(1)}ServiceRequest of OTLP, as protobuf or JSON`;
  return native ? `${native.summary}; or ${request}` : request;
}

function bodyOf(native: NativeRoute | undefined): z.ZodType {
  const otlp = z.looseObject({});
  return native ? z.union([native.body, otlp]) : otlp;
}

export const otlpPlugin: ApiPlugin<OtlpOptions> = async (app, options) => {
  const { otlp, native: routes } = options;
  // Nothing is read before it is known whose request it is.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  for (const signal of SIGNALS) {
    const native = routes[signal];
    const types = typesOf(native);
    app.route({
      method: 'POST',
      url: `/v1/${signal}`,
      config: {
        scope: 'write',
        ownBody: true,
        answersWithBatch: true,
        // JSON may be native, and a native request is asked for its key as everywhere in this API.
        likeOtlp: (request) => options.refusal !== undefined || mediaType(request) === PROTOBUF,
        example: native?.example ?? { [RESOURCES[signal]]: [] },
        // OTLP has limits of its own. What JSON is, nobody knows before it is read.
        counted: (request) => mediaType(request) !== PROTOBUF,
      },
      schema: {
        tags: [native ? signal : 'otlp'],
        summary: summaryOf(signal, native),
        consumes: types,
        ...(native && { headers: idempotencyHeaders }),
        body: bodyOf(native),
        response: {
          200: z.looseObject({}).describe('Of OTLP'),
          ...native?.response,
          '4xx': errorSchema,
          '5xx': errorSchema,
        },
      },
      errorHandler: (thrown, request, reply) => refuse(otlp, signal, thrown, request, reply),
      // The schemas are for the document: what is in a body is for the handler to judge.
      validatorCompiler: () => (value: unknown) => ({ value }),
      handler: async (request, reply) => {
        const type = mediaType(request);
        if (type === PROTOBUF) return answerProtobuf(otlp, signal, request, reply);
        if (type === JSON_MEDIA) return answerJson(options, signal, request, reply);
        if (types.includes(type)) return answerLines(options, signal, request, reply);
        throw unsupportedType(types);
      },
    });
  }
};
