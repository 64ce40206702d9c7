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
  if (text.length === 36 && UUID.test(text)) return undashed(text);
  if (HEX.test(text)) return text;
  const parts = GUID.exec(text);
  return parts && CLOSING[parts[1]!] === parts[3] ? text.replace(PUNCTUATION, '') : undefined;
}

function undashed(uuid: string): string {
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
}

/** In lower case; undefined for none: all zero means that in OTLP. */
function idHex(digits: string | undefined): string | undefined {
  return digits === undefined || (digits.charCodeAt(0) === 0x30 && ZEROS.test(digits))
    ? undefined
    : digits.toLowerCase();
}

/** 32 hex digits in lower case; undefined for what is no id. */
export function traceIdHex(text: string): string | undefined {
  return idHex(guidDigits(text));
}

/**
 * 16 hex digits in lower case: of 16 hex digits those, of a GUID the first of SHA-256 over its 16 bytes. Half of a GUID
 * would do for random ones alone: those that a client counts up or derives from a time differ in a few digits.
 */
export function spanIdHex(text: string): string | undefined {
  if (text.length === 16) return SPAN_ID_HEX.test(text) ? idHex(text) : undefined;
  const guid = traceIdHex(text);
  return guid === undefined ? undefined : idHex(hash('sha256', bytesOfHex(guid), 'hex').slice(0, 16));
}

/** Of digits in lower case. A call into native code for so few of them takes longer. */
export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (digitAt(hex, at * 2) << 4) | digitAt(hex, at * 2 + 1);
  }
  return bytes;
}

function digitAt(hex: string, at: number): number {
  const code = hex.charCodeAt(at);
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}

/** 16 bytes; undefined for what is no id. */
export function parseTraceId(text: string): Uint8Array | undefined {
  const hex = traceIdHex(text);
  return hex === undefined ? undefined : bytesOfHex(hex);
}

/** 8 bytes, as `spanIdHex` has them. */
export function parseSpanId(text: string): Uint8Array | undefined {
  const hex = spanIdHex(text);
  return hex === undefined ? undefined : bytesOfHex(hex);
}

export function hexOfId(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}
