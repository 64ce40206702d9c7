/** The answer to spans of one request: which were new is known of those within it at once, of the rest when it is stored. */
import type { FrameOutcome } from '../../src/component.js';
import type { NativeAnswer } from '../../src/model/native.js';
import { answer, spanAnswer, spanExists, spanPlace } from './answers.js';
import { spanIdOf, traceIdOf } from './ids.js';
import type { SpanDraft } from './span-payload.js';

type Place = ReturnType<typeof spanPlace>;

interface BatchContent {
  items: ReturnType<typeof spanAnswer>[];
  created: number;
  duplicates: Place[];
}

/** Of several with one id the first. */
export function distinctSpans(drafts: readonly SpanDraft[]): SpanDraft[] {
  const firsts = new Map<string, SpanDraft>();
  for (const draft of drafts) {
    const name = draft.traceId.hex + draft.spanId.hex;
    if (!firsts.has(name)) firsts.set(name, draft);
  }
  return [...firsts.values()];
}

/** As if nothing of it had been stored before. */
export function batchAnswer(drafts: readonly SpanDraft[], distinct: readonly SpanDraft[]): NativeAnswer {
  const isNew = new Set(distinct);
  const duplicates = drafts.filter((draft) => !isNew.has(draft)).map(spanPlace);
  return answer(201, { items: distinct.map(spanAnswer), created: distinct.length, duplicates } satisfies BatchContent);
}

/**
 * The same answer, in which what the store knew before has become duplicates: also of a repeated request, for which the
 * store keeps the answer and what was known. Throws CONFLICT when nothing was new.
 */
export function withoutKnown(given: NativeAnswer, { knownSpans }: FrameOutcome): NativeAnswer {
  if (knownSpans.length === 0) return given;
  const { items, duplicates } = JSON.parse(given.body) as BatchContent;
  const known = new Set(knownSpans.join('').match(NAME));
  const created = items.filter((item) => !known.has(nameOf(item)));
  const places = items
    .filter((item) => known.has(nameOf(item)))
    .map(({ trace_id, span_id }) => ({ trace_id, span_id }));
  const content = { items: created, created: created.length, duplicates: [...duplicates, ...places] };
  if (created.length === 0) throw spanExists({ duplicates: content.duplicates });
  return { ...given, body: JSON.stringify(content) };
}

/** A trace id and a span id in hex. */
const NAME = /.{48}/g;

function nameOf({ trace_id, span_id }: Place): string {
  return traceIdOf(trace_id).hex + spanIdOf(span_id).hex;
}
