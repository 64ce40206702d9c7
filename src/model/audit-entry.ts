/** What the audit log is told of one mutation: plain data, which also travels in the frame of what it tells of. */
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
