/** What a reader should know of an object before opening it: a JSON object beside it, with the same content whenever it is made. */
import type { ExportRequest } from '../transport.js';
import type { ObjectContent } from './content.js';
import type { Place } from './keys.js';
import type { ObjectBody } from './object.js';

export interface Archived extends ObjectBody {
  content: ObjectContent;
  /** Undefined for a dead letter that is sent again: nobody counted them. */
  items: number | undefined;
  sequences: Place['sequences'];
  receivedTimeUnixMs: number;
  lastReceivedTimeUnixMs: number;
}

export function archivedOf(request: ExportRequest, content: ObjectContent, body: ObjectBody): Archived {
  const { parts } = content;
  const received = parts.map(({ receivedTimeUnixMs }) => receivedTimeUnixMs);
  return {
    ...body,
    content,
    items: body.rows ?? request.parts?.reduce((sum, { items }) => sum + items, 0),
    sequences: sequencesOf(parts),
    receivedTimeUnixMs: received.reduce((a, b) => Math.min(a, b)),
    lastReceivedTimeUnixMs: received.reduce((a, b) => Math.max(a, b)),
  };
}

function sequencesOf(parts: ObjectContent['parts']): Place['sequences'] {
  const { sequence: first, piece } = parts[0]!;
  const { sequence: last } = parts.at(-1)!;
  return first === undefined || last === undefined ? undefined : { first, last, piece };
}

/** Names as those of the tables' columns; integers that a double can't hold are strings. */
export function manifestOf(key: string, archived: Archived): object {
  const { content, body, sha256, items, sequences, times } = archived;
  const { format, compression, signal, workspace, gatewayId, payload } = content;
  return {
    manifest_version: 1,
    key,
    format,
    compression,
    signal,
    workspace,
    gateway_id: gatewayId,
    first_sequence: sequences?.first ?? null,
    last_sequence: sequences?.last ?? null,
    items: items ?? null,
    bytes: body.length,
    sha256,
    otlp_bytes: payload.length,
    min_received_time: new Date(archived.receivedTimeUnixMs).toISOString(),
    max_received_time: new Date(archived.lastReceivedTimeUnixMs).toISOString(),
    min_time_unix_nano: times ? String(times.minUnixNano) : null,
    max_time_unix_nano: times ? String(times.maxUnixNano) : null,
  };
}
