/**
 * What makes the audit log a chain: the hash of a row covers all that it says and the hash of the row before it, so that
 * no row can be changed, taken out or put in between without all that follow it being made anew.
 */
import { hash } from 'node:crypto';
import type { Insertable, Selectable } from 'kysely';
import type { AuditEntry } from '../../model/audit-entry.js';
import { withoutNul } from '../../model/nul.js';
import type { AuditLogTable } from './schema.js';

export type AuditRow = Omit<Insertable<AuditLogTable>, 'id'>;

export interface ChainEnd {
  sequence: number;
  hash: string;
}

/** Before the first row. */
export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

const MAX_TEXT_LENGTH = 256;
const MAX_DETAILS_LENGTH = 16_384;
/** A surrogate may stand beside its other half: that is looked at where one occurs. */
const UNSURE = /[\0\ud800-\udfff]/;

/** As both databases give it back: no NUL, which Postgres refuses, and no half of a surrogate pair. */
export function storable(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH && !UNSURE.test(text)) return text;
  return Buffer.from(withoutNul(text.slice(0, MAX_TEXT_LENGTH))).toString();
}

function optional(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

function detailsText(details: AuditEntry['details']): string {
  const text = JSON.stringify(details ?? {});
  return text.length <= MAX_DETAILS_LENGTH ? text : '{"truncated":true}';
}

/** sha256(hash before it, newline, the row as a JSON object with its columns in this order), in lower-case hex. */
export function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const canonical = JSON.stringify({
    workspace_id: row.workspace_id,
    sequence: row.sequence,
    time_unix_ms: row.time_unix_ms,
    action: row.action,
    target_id: row.target_id,
    prompt_name: row.prompt_name,
    version_tag: row.version_tag,
    api_key_id: row.api_key_id,
    api_key_name: row.api_key_name,
    ip_address: row.ip_address,
    request_id: row.request_id,
    details: row.details,
    source: row.source,
  });
  return hash('sha256', `${row.prev_hash}\n${canonical}`, 'hex');
}

/** The row that follows the end of its workspace's chain. */
export function link(end: ChainEnd, entry: AuditEntry): AuditRow {
  const row = {
    workspace_id: entry.workspace,
    sequence: end.sequence + 1,
    time_unix_ms: Math.trunc(entry.timeUnixMs),
    action: storable(entry.action),
    target_id: optional(entry.targetId),
    prompt_name: optional(entry.promptName),
    version_tag: optional(entry.versionTag),
    api_key_id: entry.keyId ?? null,
    api_key_name: storable(entry.keyName),
    ip_address: optional(entry.ip),
    request_id: optional(entry.requestId),
    details: detailsText(entry.details),
    source: optional(entry.source),
    prev_hash: end.hash,
  };
  return { ...row, hash: hashOf(row) };
}

/** How a row fails to follow the end of the chain, if it does. */
export function faultOf(end: ChainEnd, row: Selectable<AuditLogTable>): 'changed' | 'missing' | undefined {
  if (row.sequence !== end.sequence + 1) return 'missing';
  if (row.prev_hash !== end.hash || row.hash !== hashOf(row)) return 'changed';
  return undefined;
}
