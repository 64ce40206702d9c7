import type { z } from 'zod';
import type { AuditLog, Verification } from '../../store/control/audit-logs.js';
import type { auditLogSchema, verificationSchema } from './schema.js';

export function renderAuditLog(row: AuditLog): z.infer<typeof auditLogSchema> {
  return {
    id: row.id,
    action: row.action,
    prompt_name: row.promptName ?? null,
    version_tag: row.versionTag ?? null,
    api_key_name: row.keyName,
    ip_address: row.ip ?? null,
    timestamp: Math.floor(row.timeUnixMs / 1000),
    workspace_id: row.workspace,
    target_id: row.targetId ?? null,
    api_key_id: row.keyId ?? null,
    request_id: row.requestId ?? null,
    time: row.timeUnixMs,
    details: row.details,
    sequence: row.sequence,
    prev_hash: row.prevHash,
    hash: row.hash,
  };
}

export function renderVerification(result: Verification): z.infer<typeof verificationSchema> {
  const { ok, checked, head } = result;
  return {
    ok,
    checked,
    head,
    first_bad_id: result.ok ? null : (result.firstBadId ?? null),
    first_bad_sequence: result.ok ? null : result.firstBadSequence,
    reason: result.ok ? null : result.reason,
  };
}

/** One JSON object a line; a page of the store at a time. */
export async function* renderLines(pages: AsyncIterable<AuditLog[]>): AsyncGenerator<string> {
  for await (const rows of pages) {
    if (rows.length > 0) yield `${rows.map((row) => JSON.stringify(renderAuditLog(row))).join('\n')}\n`;
  }
}
