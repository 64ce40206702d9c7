/**
 * One call of a model may be seen by several instrumentations, each of which makes a span of it: the first that comes is
 * counted. They are known by the id of the response, even in different traces; without one, within a trace, by all else
 * that two sightings of a call have in common.
 */
import { TOKEN_TYPES, type Usage } from '../../model/generation.js';

/** What tells whether two rows are of one call. */
export interface Sighting {
  /** As `modelOf` says. */
  model: string;
  responseId: string;
  usage: Usage;
  startTimeUnixNano: bigint;
  durationNano: bigint;
  /** Hex; '' for a native log that names none. */
  spanId: string;
  /** Hex; '' for a root. */
  parentSpanId: string;
  /** Name of the instrumentation scope. */
  scope: string;
}

/**
 * 64 bits, signed, for an index over them: rows with equal ones are then compared by their ids, so that who makes two equal
 * gains nothing. FNV-1a, twice over the same units with other starts.
 */
export function responseHash(responseId: string): bigint {
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (let at = 0; at < responseId.length; at++) {
    const unit = responseId.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit ^ (low >>> 13), 0x85ebca6b);
  }
  return BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
}

/** Of two rows of one workspace with non-empty response ids. */
export function haveSameResponse(a: Pick<Sighting, 'model' | 'responseId'>, b: Pick<Sighting, 'model' | 'responseId'>) {
  return a.responseId === b.responseId && areSameModel(a.model, b.model);
}

function areSameModel(a: string, b: string): boolean {
  return a === b || a === '' || b === '';
}

/** Of two rows of one trace, one of which at least has no response id. */
export function looksLikeSameCall(a: Sighting, b: Sighting): boolean {
  return (
    (a.responseId === '' || b.responseId === '') &&
    a.scope !== b.scope &&
    areSameModel(a.model, b.model) &&
    areRelated(a, b) &&
    hasTokens(a.usage) &&
    TOKEN_TYPES.every((type) => (a.usage[type] ?? 0) === (b.usage[type] ?? 0)) &&
    overlap(a, b)
  );
}

/** Siblings, or parent and child. */
function areRelated(a: Sighting, b: Sighting): boolean {
  if (a.spanId !== '' && a.spanId === b.parentSpanId) return true;
  if (b.spanId !== '' && b.spanId === a.parentSpanId) return true;
  return a.parentSpanId !== '' && a.parentSpanId === b.parentSpanId;
}

/** Nothing equals nothing: that says little. */
function hasTokens(usage: Usage): boolean {
  return TOKEN_TYPES.some((type) => (usage[type] ?? 0) > 0);
}

function overlap(a: Sighting, b: Sighting): boolean {
  const endOf = ({ startTimeUnixNano, durationNano }: Sighting) => startTimeUnixNano + durationNano;
  return a.startTimeUnixNano <= endOf(b) && b.startTimeUnixNano <= endOf(a);
}
