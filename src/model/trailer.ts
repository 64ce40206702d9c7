/**
 * What a native request puts into its frame beside the OTLP payload, as JSON text: entries of the audit log, and what OTLP
 * has no message for (a trace without spans, a revision, a deletion, an idempotency key). Absent members are empty.
 */
import type { AuditEntry } from './audit-entry.js';
import type { Idempotency, NativeWrite, TraceRecord } from './telemetry.js';

export interface Trailer {
  /** Without `source`: it is the frame's. */
  audit: AuditEntry[];
  traces: TraceRecord[];
  revises: boolean;
  /** Traces that go, with all that was received of them before this frame. */
  deletes: Uint8Array[];
  idempotency: Idempotency | undefined;
}

interface TrailerText {
  audit?: AuditEntry[];
  traces?: (Omit<TraceRecord, 'traceId'> & { traceId: string })[];
  revises?: true;
  deletes?: string[];
  idempotency?: Idempotency;
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function encodeTrailer({ audit, traces, revises, deletes, idempotency }: Partial<Trailer>): Buffer {
  const text: TrailerText = {
    ...(audit?.length && { audit }),
    ...(traces?.length && { traces: traces.map((record) => ({ ...record, traceId: hex(record.traceId) })) }),
    ...(revises && { revises }),
    ...(deletes?.length && { deletes: deletes.map(hex) }),
    ...(idempotency && { idempotency }),
  };
  return Buffer.from(JSON.stringify(text));
}

/** Throws a SyntaxError for what is no trailer. */
export function decodeTrailer(trailer: Buffer): Trailer {
  const text = JSON.parse(trailer.toString()) as TrailerText;
  return {
    audit: text.audit ?? [],
    traces: (text.traces ?? []).map(toRecord),
    revises: text.revises ?? false,
    deletes: (text.deletes ?? []).map(bytes),
    idempotency: text.idempotency,
  };
}

/** JSON has no undefined. */
function toRecord({
  traceId,
  traceIdText,
  promptName,
  versionTag,
  metadata,
  createdTimeUnixMs,
}: NonNullable<TrailerText['traces']>[number]): TraceRecord {
  return { traceId: bytes(traceId), traceIdText, promptName, versionTag, metadata, createdTimeUnixMs };
}

export function nativeWriteOf({ traces, revises, idempotency }: Trailer): NativeWrite {
  return { traces, revises, idempotency };
}
