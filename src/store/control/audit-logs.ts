/**
 * The audit log: one row for each mutation, in a chain of hashes per workspace. Written in the transaction of what it
 * tells of.
 */
import type { Keyset, Page } from '../telemetry/telemetry.js';

export interface AuditEntry {
  workspace: string;
  /** When it happened, which may be long before it is written. */
  timeUnixMs: number;
  action: string;
  targetId?: string | undefined;
  promptName?: string | undefined;
  versionTag?: string | undefined;
  /** undefined: a caller without a key. */
  keyId: number | undefined;
  keyName: string;
  ip?: string | undefined;
  requestId?: string | undefined;
  /** Becomes a JSON object. */
  details?: Readonly<Record<string, unknown>> | undefined;
  /** Where an entry comes from that may be applied again (`<buffer id>:<sequence>:<n>`): of each there is one row. */
  source?: string | undefined;
}

export interface AuditLog extends AuditEntry {
  id: number;
  /** 1, 2, 3, … in its workspace, without a gap. */
  sequence: number;
  details: Readonly<Record<string, unknown>>;
  prevHash: string;
  hash: string;
}

export interface AuditFilters {
  workspace: string;
  /** Inclusive. */
  fromUnixMs?: number | undefined;
  /** Exclusive. */
  toUnixMs?: number | undefined;
  action?: string | undefined;
  keyId?: number | undefined;
  keyName?: string | undefined;
  targetId?: string | undefined;
}

export interface AuditQuery extends AuditFilters {
  limit: number;
  offset?: number;
  /** Its time is the event's, in nanoseconds as everywhere. */
  after?: Keyset;
}

export type Verification = {
  /** Rows that were read and found right. */
  checked: number;
  /** The end of the chain: note it elsewhere, and a chain that is made anew in whole can be told, too. */
  head: { sequence: number; hash: string };
} & (
  | { ok: true }
  /** `firstBadId` is undefined when the rows at the end are missing. */
  | { ok: false; firstBadId: number | undefined; firstBadSequence: number; reason: 'changed' | 'missing' }
);

export interface AuditLogs {
  /** Call it in the transaction of the mutation, as its last statement: the chain of the workspace waits for its end. */
  append(entry: AuditEntry): Promise<void>;
  /** Many at once, at the price of one; those whose `source` is there already are left out. */
  appendAll(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest event first. */
  list(query: AuditQuery): Promise<Page<AuditLog>>;
  count(filters: AuditFilters): Promise<{ total: number; totalRelation: 'eq' | 'gte' }>;
  get(workspace: string, id: number): Promise<AuditLog | undefined>;
  /** Oldest event first, in pages; what is written after the call began is not among them. */
  stream(filters: AuditFilters): AsyncIterable<AuditLog[]>;
  verify(workspace: string): Promise<Verification>;
}
