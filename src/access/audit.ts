import type { AuditEntry } from '../model/audit-entry.js';
import type { Principal } from './principal.js';

/** Of the request that asks, for the audit log. */
export interface MutationContext {
  ip?: string | undefined;
  requestId?: string | undefined;
}

/** What a mutation adds to who did it, when and from where. */
export type Deed = Pick<AuditEntry, 'workspace' | 'action'> &
  Partial<Pick<AuditEntry, 'targetId' | 'promptName' | 'versionTag' | 'details'>>;

export function auditEntry(principal: Principal, context: MutationContext, deed: Deed): AuditEntry {
  return {
    timeUnixMs: Date.now(),
    keyId: principal.keyId,
    keyName: principal.name,
    ip: context.ip,
    requestId: context.requestId,
    ...deed,
  };
}
