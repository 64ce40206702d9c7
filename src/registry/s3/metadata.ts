/**
 * Who wrote a version, when and why, as metadata of its object: one request writes both, so neither is there without the
 * other, which a second object beside it could not promise. The price is S3's bound of 2 KB: a longer message is cut here,
 * and whole in the index.
 */
import type { VersionContent } from '../driver.js';

export type Origin = Pick<VersionContent, 'author' | 'message' | 'timeUnixMs'>;

/** As percent-encoded: headers are ASCII. */
const MAX_CHARACTERS = { author: 500, message: 1_400 };

export function metadataOf({ author, message, timeUnixMs }: Origin): Record<string, string> {
  return {
    author: encode(author, MAX_CHARACTERS.author),
    message: encode(message, MAX_CHARACTERS.message),
    'created-ms': String(timeUnixMs),
  };
}

/** Of an object that somebody else put there, what it says of it. */
export function originOf(metadata: Readonly<Record<string, string>>): Partial<Origin> {
  const { author, message, 'created-ms': createdMs } = metadata;
  return {
    ...(author && { author: decode(author) }),
    ...(message && { message: decode(message) }),
    ...(createdMs && /^\d{1,15}$/.test(createdMs) && { timeUnixMs: Number(createdMs) }),
  };
}

/** Cut between two characters. */
function encode(text: string, maxCharacters: number): string {
  let encoded = '';
  // By way of bytes: half a surrogate pair can't be encoded.
  for (const character of Buffer.from(text).toString()) {
    const next = encodeURIComponent(character);
    if (encoded.length + next.length > maxCharacters) break;
    encoded += next;
  }
  return encoded;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
