/** JSON as it was sent: JSON.parse rounds numbers beyond 2^53, and forgets that 1.0 had a point and -0 a sign. */
import { afterNested, closingQuote, skipSpace } from '../json-text.js';

const SCALAR_END = /[\s,}]/g;

function endOfValue(text: string, start: number): number {
  const first = text.charAt(start);
  if (first === '"') return closingQuote(text, start) + 1;
  if (first === '{' || first === '[') return afterNested(text, start);
  SCALAR_END.lastIndex = start;
  return SCALAR_END.exec(text)?.index ?? text.length;
}

/** Of a JSON object that was parsed before, the text of each member; of two by one name, the last counts. */
export function memberTexts(object: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(object, object.indexOf('{') + 1);
  while (object.charAt(at) === '"') {
    const nameEnd = closingQuote(object, at) + 1;
    const value = skipSpace(object, skipSpace(object, nameEnd) + 1);
    const end = endOfValue(object, value);
    members.set(JSON.parse(object.slice(at, nameEnd)) as string, object.slice(value, end));
    const next = skipSpace(object, end);
    at = object.charAt(next) === ',' ? skipSpace(object, next + 1) : next;
  }
  return members;
}
