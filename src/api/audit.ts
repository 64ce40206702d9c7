/** For changes of what the control store does not hold: the row is there before the change, never the change without it. */
import type { FastifyRequest } from 'fastify';
import { auditEntry, type Deed } from '../access/audit.js';
import type { AccessStore } from '../access/keys.js';
import { principalOf } from './authentication.js';
import { mutationOf } from './mutation.js';

export type Audit = (request: FastifyRequest, deed: Deed) => Promise<void>;

export function createAudit(access: { readonly store: AccessStore }): Audit {
  return (request, deed) => {
    const entry = auditEntry(principalOf(request), mutationOf(request), deed);
    return access.store.control.transaction(({ auditLogs }) => auditLogs.append(entry));
  };
}
