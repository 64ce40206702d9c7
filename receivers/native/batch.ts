/** Spans of one request: which of them are new is known of those within it at once, of the others when it is stored. */
import type { NativeAnswer } from '../../src/model/native.js';
import { answer, spanAnswer, spanExists, spanPlace } from './answers.js';
import type { SpanDraft } from './span-payload.js';

export interface SpanBatch {
  /** Of several with one id the first. */
  distinct: readonly SpanDraft[];
  /** `known`: as in FrameOutcome.knownSpans. Throws CONFLICT when nothing of it was new. */
  answer(known: readonly string[]): NativeAnswer;
}

/** A trace id and a span id in hex. */
const PLACE = /.{48}/g;

export function createBatch(drafts: readonly SpanDraft[]): SpanBatch {
  const firsts = new Map<string, SpanDraft>();
  for (const draft of drafts) if (!firsts.has(placeOf(draft))) firsts.set(placeOf(draft), draft);
  return {
    distinct: [...firsts.values()],
    answer(known) {
      const knownPlaces = new Set(known.join('').match(PLACE));
      const isCreated = (draft: SpanDraft) => firsts.get(placeOf(draft)) === draft && !knownPlaces.has(placeOf(draft));
      return batchAnswer(drafts, drafts.filter(isCreated));
    },
  };
}

function placeOf({ traceId, spanId }: SpanDraft): string {
  return traceId.hex + spanId.hex;
}

function batchAnswer(drafts: readonly SpanDraft[], created: readonly SpanDraft[]): NativeAnswer {
  const isNew = new Set(created);
  const duplicates = drafts.filter((draft) => !isNew.has(draft)).map(spanPlace);
  if (created.length === 0 && duplicates.length > 0) throw spanExists({ duplicates });
  return answer(201, { items: created.map(spanAnswer), created: created.length, duplicates });
}
