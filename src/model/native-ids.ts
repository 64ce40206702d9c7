/** Ids of the native API: GUIDs in any spelling, and OTLP's hex, as the bytes that OTLP keys its records by. */
import { hash } from 'node:crypto';

/** What joi's guid() takes: any version and variant, any case, separators or none, and brackets that close as they open. */
const GUID = /^([{[(]?)[0-9a-f]{8}([:-]?)[0-9a-f]{4}\2?[0-9a-f]{4}\2?[0-9a-f]{4}\2?[0-9a-f]{12}([}\])]?)$/i;
/** The two spellings that nearly all have; the pattern above takes several times as long. */
const HEX = /^[0-9a-f]{32}$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const CLOSING: Record<string, string> = { '': '', '{': '}', '[': ']', '(': ')' };
const SPAN_ID_HEX = /^[0-9a-f]{16}$/i;
const PUNCTUATION = /[^0-9a-f]/gi;
const ZEROS = /^0+$/;

/** The digits of a GUID, which 32 hex digits are as well. */
function guidDigits(text: string): string | undefined {
  if (HEX.test(text)) return text;
  if (UUID.test(text)) return undashed(text);
  const parts = GUID.exec(text);
  return parts && CLOSING[parts[1]!] === parts[3] ? text.replace(PUNCTUATION, '') : undefined;
}

function undashed(uuid: string): string {
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
}

function bytesOf(digits: string): Uint8Array | undefined {
  return ZEROS.test(digits) ? undefined : new Uint8Array(Buffer.from(digits, 'hex'));
}

/** 16 bytes; undefined for what is no id. All zero means "none" in OTLP. */
export function parseTraceId(text: string): Uint8Array | undefined {
  const digits = guidDigits(text);
  return digits === undefined ? undefined : bytesOf(digits);
}

/**
 * 8 bytes: of 16 hex digits those, of a GUID the first of SHA-256 over its 16. Half of a GUID would do for random ones
 * alone: those that a client counts up or derives from a time differ in a few digits.
 */
export function parseSpanId(text: string): Uint8Array | undefined {
  if (SPAN_ID_HEX.test(text)) return bytesOf(text);
  const guid = parseTraceId(text);
  return guid && bytesOf(hash('sha256', guid, 'hex').slice(0, 16));
}

export function hexOfId(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}
