import type { FastifyRequest } from 'fastify';
import type { MutationContext } from '../access/keys.js';

/** A client may call its request anything; the audit log keeps this much of it. */
const MAX_REQUEST_ID_CHARACTERS = 256;

/** What the audit log tells of the request behind a change, beside whose it was. */
export function mutationOf(request: FastifyRequest): MutationContext {
  return { ip: request.ip, requestId: request.id.slice(0, MAX_REQUEST_ID_CHARACTERS) };
}
