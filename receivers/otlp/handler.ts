import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Appender, OtlpHandler, Signal } from '../../src/component.js';
import { readBody } from './body.js';
import { looksLikeOtlpJson } from './check.js';
import { Exchange, type ExchangeOptions } from './exchange.js';
import { failure, ingest, type Verdict } from './ingest.js';
import { unsupportedMediaType } from './respond.js';

export interface OtlpHandlerOptions extends ExchangeOptions {
  next: Appender;
}

/** Reads and takes the request of an exchange. Never rejects. */
export async function takeRequest(exchange: Exchange, workspace: string, next: Appender): Promise<Verdict> {
  const { encoding, request, signal } = exchange;
  if (encoding === undefined) return failure(unsupportedMediaType(request.headers['content-type']));
  try {
    const body = await readBody(request, exchange);
    return await ingest(next, { signal: signal!, encoding, workspace, body });
  } catch (error) {
    return failure(error);
  }
}

/** OTLP/HTTP for a door that is not its own. */
export function createOtlpHandler(options: OtlpHandlerOptions): OtlpHandler {
  const { next } = options;
  const bytesRead = new WeakMap<IncomingMessage, number>();
  const open = (signal: Signal | undefined, request: IncomingMessage, response: ServerResponse) =>
    new Exchange(request, response, signal, options);

  return {
    looksLikeOtlpJson,

    async handle(signal, workspace, request, response) {
      const exchange = open(signal, request, response);
      exchange.answer(await takeRequest(exchange, workspace, next));
    },

    refuse(signal, error, request, response) {
      open(signal, request, response).answer(failure(error));
    },

    async readBody(request, response) {
      const exchange = open(undefined, request, response);
      response.once('close', () => exchange.lease.release());
      const body = await readBody(request, exchange);
      bytesRead.set(request, exchange.bytes);
      return body;
    },

    async handleBody(signal, workspace, encoding, body, request, response) {
      const exchange = open(signal, request, response);
      exchange.bytes = bytesRead.get(request) ?? body.length;
      exchange.answer(await ingest(next, { signal, encoding, workspace, body }));
    },
  };
}
