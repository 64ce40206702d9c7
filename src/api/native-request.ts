/** A request of the native telemetry API as its door takes it, and the door's answer as it is sent. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { auditEntry } from '../access/audit.js';
import { BATCH_ID_HEADER } from '../component.js';
import type { AuditEntry } from '../model/audit-entry.js';
import type { NativeAnswer, NativeRequest } from '../model/native.js';
import { principalOf } from './authentication.js';
import { JSON_TYPE } from './errors.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { mutationOf } from './mutation.js';

class AuditedRequest implements NativeRequest {
  readonly workspace: string;
  readonly idempotency: NativeRequest['idempotency'];
  readonly #request: FastifyRequest;

  constructor(request: FastifyRequest, body: Uint8Array) {
    this.workspace = request.workspace;
    this.idempotency = readIdempotency(request, body);
    this.#request = request;
  }

  audit(deed: Parameters<NativeRequest['audit']>[0]): AuditEntry {
    return auditEntry(principalOf(this.#request), mutationOf(this.#request), { workspace: this.workspace, ...deed });
  }
}

/** `body`: the bytes that an idempotency key stands for. Throws BAD_REQUEST for a key that is none. */
export function nativeRequest(request: FastifyRequest, body: Uint8Array): NativeRequest {
  return new AuditedRequest(request, body);
}

export function sendAnswer(reply: FastifyReply, { status, body, replayed, batchId }: NativeAnswer): FastifyReply {
  markReplayed(reply.code(status), replayed);
  if (batchId !== undefined) reply.header(BATCH_ID_HEADER, batchId);
  return body === '' ? reply.send() : reply.type(JSON_TYPE).send(body);
}
