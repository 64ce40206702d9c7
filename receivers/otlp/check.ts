/**
 * The check of a request before it is acknowledged: one pass over its bytes, on the main thread, that builds no objects.
 *
 * What it lets through decodes without an error; what can't be decoded is refused whole (INVALID_PAYLOAD, with the place
 * and the reason). A span without usable ids is cut out alone, and counted with its reason: its neighbours are kept.
 * A span's own three ids decide: 16 bytes and 8 bytes, not all zero (a parent may be absent or all zero: a root).
 * Ids that only point elsewhere (of log records, links, exemplars) never cost an item: unusable ones are left out.
 */
import type { Encoding, Signal } from '../../src/component.js';
import { checkJson } from './check-json.js';
import { checkProtobuf } from './check-protobuf.js';
import type { CheckResult } from './check-result.js';

export interface CheckedRequest {
  signal: Signal;
  encoding: Encoding;
  /** Decompressed. */
  body: Uint8Array;
}

/** Throws INVALID_PAYLOAD, or PAYLOAD_TOO_LARGE when it holds more than a request may (request-bounds.ts). */
export function checkRequest({ signal, encoding, body }: CheckedRequest): CheckResult {
  return encoding === 'protobuf' ? checkProtobuf(signal, body) : checkJson(signal, body);
}

export { looksLikeOtlpJson } from './check-json.js';
