import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { BATCH_ID_HEADER, type Encoding } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { ACCEPT_ENCODING } from './body.js';
import { encodeStatus } from './status.js';

export type ResponseHeaders = Record<string, string>;

export const MEDIA_TYPES: Record<Encoding, string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** The encoding that a Content-Type names, in any case and with any parameters; undefined when it is none of ours. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  if (contentType === MEDIA_TYPES.protobuf) return 'protobuf';
  if (contentType === MEDIA_TYPES.json) return 'json';
  const mediaType = (contentType ?? '').replace(/;.*/s, '').trim().toLowerCase();
  if (mediaType === MEDIA_TYPES.protobuf) return 'protobuf';
  return mediaType === MEDIA_TYPES.json ? 'json' : undefined;
}

export function unsupportedMediaType(contentType: string | undefined): GatewayError {
  const named = contentType ? `Content-Type ${contentType} is not supported` : 'Content-Type is missing';
  return new GatewayError('UNSUPPORTED_MEDIA_TYPE', `${named}; use application/x-protobuf or application/json`);
}

/** 200 with the response message. */
export function respond(response: ServerResponse, encoding: Encoding, body: Buffer, batchId?: string): void {
  const headers: OutgoingHttpHeaders = { 'Content-Type': MEDIA_TYPES[encoding], 'Content-Length': body.length };
  if (batchId !== undefined) headers[BATCH_ID_HEADER] = batchId;
  response.writeHead(200, headers);
  // Without an empty buffer behind it the head goes out in a plain write, not in a vector of two.
  if (body.length === 0) response.end();
  else response.end(body);
}

/** What a status asks for beside itself. OTLP §Throttling: 429 and 503 carry Retry-After, here in whole seconds. */
function headersFor(error: GatewayError): ResponseHeaders {
  const status = error.httpStatus;
  if (status === 401) return { 'WWW-Authenticate': 'Bearer realm="otlp"' };
  if (error.code === 'UNSUPPORTED_ENCODING') return { 'Accept-Encoding': ACCEPT_ENCODING };
  if ((status === 429 || status === 503) && error.retryAfterMs !== undefined) {
    return { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) };
  }
  return {};
}

/** The error's status with a google.rpc.Status in the request's encoding. */
export function respondError(
  response: ServerResponse,
  encoding: Encoding,
  error: GatewayError,
  headers: ResponseHeaders = {},
): void {
  if (response.destroyed || response.headersSent) return;
  const body = encodeStatus(error, encoding);
  response.writeHead(error.httpStatus, {
    'Content-Type': MEDIA_TYPES[encoding],
    'Content-Length': body.length,
    ...headersFor(error),
    ...headers,
  });
  response.end(body);
}
