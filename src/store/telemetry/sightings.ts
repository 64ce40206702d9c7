/**
 * One call of a model may be seen by several instrumentations, each of which makes a span of it: the first that comes is
 * counted. They are known by the id of the response, even in different traces; without one, within a trace, by all else
 * that two sightings of a call have in common.
 */
import { type Generation, TOKEN_TYPES, type Usage } from '../../model/generation.js';

/** Which kinds call a model the mapping alone says: a list of them here too would come to disagree with it. */
export function canCount({ countable }: Pick<Generation, 'countable'>): boolean {
  return countable;
}

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

/** What of a counted call tells whether another row is of the same. */
export type SeenResponse = Pick<Sighting, 'model' | 'responseId'>;

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
function looksLikeSameCall(a: Sighting, b: Sighting): boolean {
  return (
    (a.responseId === '' || b.responseId === '') &&
    (a.scope !== b.scope || isWithin(a, b) || isWithin(b, a)) &&
    areSameModel(a.model, b.model) &&
    areRelated(a, b) &&
    hasTokens(a.usage) &&
    haveSameTokens(a.usage, b.usage) &&
    overlap(a, b)
  );
}

/** Siblings, or parent and child. */
function areRelated(a: Sighting, b: Sighting): boolean {
  return isWithin(a, b) || isWithin(b, a) || (a.parentSpanId !== '' && a.parentSpanId === b.parentSpanId);
}

/**
 * Siblings of one instrumentation are calls of their own, but Google's ADK (its first schema) has a call within a call, both
 * with all its tokens.
 */
function isWithin(inner: Sighting, outer: Sighting): boolean {
  return outer.spanId !== '' && outer.spanId === inner.parentSpanId;
}

/** Nothing equals nothing: that says little. */
function hasTokens(usage: Usage): boolean {
  return TOKEN_TYPES.some((type) => (usage[type] ?? 0) > 0);
}

export function haveSameTokens(a: Usage, b: Usage): boolean {
  return TOKEN_TYPES.every((type) => (a[type] ?? 0) === (b[type] ?? 0));
}

function overlap(a: Sighting, b: Sighting): boolean {
  const endOf = ({ startTimeUnixNano, durationNano }: Sighting) => startTimeUnixNano + durationNano;
  return a.startTimeUnixNano <= endOf(b) && b.startTimeUnixNano <= endOf(a);
}

/**
 * Counted calls of one trace, found by where they stand in it and by their tokens: each with each, a trace of thousands of
 * calls would be compared millions of times.
 */
export class SightingIndex {
  private readonly bySpan = new Map<string, Sighting[]>();
  private readonly byParent = new Map<string, Sighting[][]>();

  add(sighting: Sighting): void {
    if (!hasTokens(sighting.usage)) return;
    const tokens = tokensOf(sighting.usage);
    const { spanId, parentSpanId } = sighting;
    if (spanId !== '') append(this.bySpan, `${spanId} ${tokens}`, sighting);
    if (parentSpanId !== '') this.addChild(`${parentSpanId} ${tokens}`, sighting);
  }

  /** Whether one of them looks like the same call. */
  has(sighting: Sighting): boolean {
    if (!hasTokens(sighting.usage)) return false;
    const tokens = tokensOf(sighting.usage);
    const { spanId, parentSpanId } = sighting;
    const looksAlike = (other: Sighting) => looksLikeSameCall(other, sighting);
    const within = (ofOneKind: readonly Sighting[]) =>
      !areAnswered(ofOneKind[0]!, sighting) && ofOneKind.some(looksAlike);
    const beside = (ofOneKind: readonly Sighting[]) => ofOneKind[0]!.scope !== sighting.scope && within(ofOneKind);
    return (
      (this.bySpan.get(`${parentSpanId} ${tokens}`)?.some(looksAlike) ||
        this.byParent.get(`${spanId} ${tokens}`)?.some(within) ||
        this.byParent.get(`${parentSpanId} ${tokens}`)?.some(beside)) ??
      false
    );
  }

  /** Children of one span lie apart by instrumentation, and by whether they have a response's id. */
  private addChild(key: string, sighting: Sighting): void {
    const kinds = this.byParent.get(key) ?? [];
    this.byParent.set(key, kinds);
    const kind = kinds.find(
      ([first]) => first!.scope === sighting.scope && isAnswered(first!) === isAnswered(sighting),
    );
    if (kind) kind.push(sighting);
    else kinds.push([sighting]);
  }
}

function append(map: Map<string, Sighting[]>, key: string, sighting: Sighting): void {
  const known = map.get(key);
  if (known) known.push(sighting);
  else map.set(key, [sighting]);
}

function isAnswered({ responseId }: Sighting): boolean {
  return responseId !== '';
}

/** Their ids tell. */
function areAnswered(one: Sighting, other: Sighting): boolean {
  return isAnswered(one) && isAnswered(other);
}

function tokensOf(usage: Usage): string {
  return TOKEN_TYPES.map((type) => usage[type] ?? 0).join();
}
