/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is sent again is applied once, and answered
 * as it was. Who keeps the keys is the half of the store that the request writes to.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { GatewayError } from '../errors.js';

export interface RequestIdentity {
  key: string;
  /** Equal for equal requests of one workspace: SHA-256 over method, path, workspace and body, in hex. */
  fingerprint: string;
}

const KEY = /^[\x20-\x7e]{1,255}$/;

function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}

/** A parsed body is hashed as JSON writes it: members keep their order, space between them doesn't count. */
function bytesOf(body: unknown): string | Uint8Array {
  return body instanceof Uint8Array ? body : (JSON.stringify(body) ?? '');
}

/**
 * `body`: the bytes of the request's body, or what they were parsed to. undefined without the header; throws BAD_REQUEST
 * for a key that is none.
 */
export function readIdempotency(request: FastifyRequest, body: unknown): RequestIdentity | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !KEY.test(header)) {
    throw new GatewayError('BAD_REQUEST', 'Invalid Idempotency-Key header. Must be 1-255 printable ASCII characters.');
  }
  const hash = createHash('sha256').update(`${request.method}\n${pathOf(request.url)}\n${request.workspace}\n`);
  return { key: header, fingerprint: hash.update(bytesOf(body)).digest('hex') };
}

/** Tells a client that nothing was done this time. */
export function markReplayed(reply: FastifyReply, replayed: boolean): FastifyReply {
  return replayed ? reply.header('idempotency-replayed', 'true') : reply;
}

/** For the document of a route that takes it. */
export const idempotencyHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .optional()
    .meta({ description: 'A request that comes again within 24 hours under this key is applied once' }),
});
