/** Every error answer of the API port: one shape, whoever found the fault (a route, zod, fastify, or Node's parser). */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ErrorCode, GatewayError, toGatewayError } from '../errors.js';
import type { ApiEvents } from './events.js';

export const errorSchema = z
  .object({
    error: z.string().describe('What is wrong, for people'),
    message: z.string().optional().describe('More of what is wrong, for people'),
    code: z.string().describe('What is wrong, for programs'),
    details: z.unknown().optional(),
    detailsType: z.enum(['fields', 'context']),
    requestId: z.string(),
  })
  .meta({ id: 'Error' });

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  503: 'OVERLOADED',
};

/** Told in two parts, as clients of this API know it. */
class UnreadableJson extends GatewayError {
  static readonly explanation = 'Invalid JSON body';

  constructor(cause: unknown) {
    super('BAD_REQUEST', 'Bad Request', { cause });
  }
}

export function unreadableJson(cause: unknown): GatewayError {
  return new UnreadableJson(cause);
}

/** Fastify's own 4xx keep their message, which is about the request; anything else tells nothing. */
export function apiError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const status = (error as FastifyError | undefined)?.statusCode ?? 500;
  if (status < 400 || status >= 500) return toGatewayError(error);
  if ((error as FastifyError).code === 'FST_ERR_CTP_INVALID_JSON_BODY') return unreadableJson(error);
  return new GatewayError(CODE_BY_STATUS[status] ?? 'BAD_REQUEST', (error as FastifyError).message, { cause: error });
}

export function errorBody(error: GatewayError, requestId: string): string {
  const { code, message, details } = error;
  const detailsType = code === 'VALIDATION_FAILED' ? 'fields' : 'context';
  const explanation = error instanceof UnreadableJson ? UnreadableJson.explanation : undefined;
  return JSON.stringify({ error: message, message: explanation, code, details, detailsType, requestId });
}

export const JSON_TYPE = 'application/json; charset=utf-8';

export function sendError(reply: FastifyReply, error: GatewayError): FastifyReply {
  if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  if (error.httpStatus === 401) reply.header('www-authenticate', 'Bearer realm="api"');
  return reply.code(error.httpStatus).type(JSON_TYPE).send(errorBody(error, reply.request.id));
}

type Reported = Pick<FastifyRequest, 'method' | 'id' | 'routeOptions'>;

export function reportFailure(events: ApiEvents, request: Reported, error: GatewayError): void {
  const { method, id: requestId, routeOptions } = request;
  events.failed({ method, route: routeOptions.url ?? 'unknown', requestId, error });
}

/** What a request is told whose path leads nowhere. */
export type NotFound = (method: string, path: string) => GatewayError;

const noSuchEndpoint: NotFound = (method, path) => new GatewayError('NOT_FOUND', `No such endpoint: ${method} ${path}`);

export function registerErrors(app: FastifyInstance, events: ApiEvents, notFound = noSuchEndpoint): void {
  app.setErrorHandler((thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const error = apiError(thrown);
    if (error.httpStatus >= 500) reportFailure(events, request, error);
    return sendError(reply, error);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    return sendError(reply, notFound(request.method, path));
  });
}
