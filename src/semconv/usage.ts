/**
 * Inclusive counts, whoever counted: `input` holds what was read from and written to the cache, `output` the reasoning.
 * OpenTelemetry counts so; Anthropic's API, and who passes its figures on, counts them apart.
 */
import { TOKEN_TYPES, type Usage } from '../model/generation.js';
import type { Draft } from './draft.js';

/** Parts that a disjoint count leaves out of the whole. */
const PARTS = {
  input: { tokens: ['cacheRead', 'cacheWrite'], audio: 'inputAudio', isApart: 'isInputApart' },
  output: { tokens: ['reasoning'], audio: 'outputAudio', isApart: 'isOutputApart' },
} as const;
type Whole = keyof typeof PARTS;

/** In place. */
export function makeInclusive(draft: Draft): void {
  takeTotal(draft);
  if (!hasParts(draft.usage)) return;
  const isApart = sumsUpApart(draft);
  includeParts('input', draft, isApart);
  includeParts('output', draft, isApart);
  leaveOutOverflow(draft);
}

/** An embedding's total is its input, which is all that some say of it. */
function takeTotal({ usage, kind, totalTokens }: Draft): void {
  if (kind === 'embedding' && totalTokens !== undefined) usage.input ??= totalTokens;
}

/** Most calls have none: their counts are what they are. */
function hasParts({ cacheRead, cacheWrite, reasoning, inputAudio, outputAudio }: Usage): boolean {
  const isOfTokens = cacheRead !== undefined || cacheWrite !== undefined || reasoning !== undefined;
  return isOfTokens || inputAudio !== undefined || outputAudio !== undefined;
}

function partsOf(whole: Whole, usage: Usage): number {
  return PARTS[whole].tokens.reduce((sum, type) => sum + (usage[type] ?? 0), 0);
}

/** The total holds the parts beside the wholes; where the parts are nothing, both counts are the same. */
function sumsUpApart({ usage, totalTokens }: Draft): boolean {
  const parts = partsOf('input', usage) + partsOf('output', usage);
  return parts > 0 && totalTokens === (usage.input ?? 0) + (usage.output ?? 0) + parts;
}

/** Parts that are more than their whole can't be within it, whatever was said. */
function includeParts(whole: Whole, draft: Draft, isApart: boolean): void {
  const { usage } = draft;
  const tokens = usage[whole];
  if (tokens === undefined) return;
  const parts = partsOf(whole, usage);
  const isSaidApart = draft[PARTS[whole].isApart];
  if ((isSaidApart ?? isApart) || parts > tokens) usage[whole] = tokens + parts;
  // Only who counts in buckets counts audio apart.
  if (isSaidApart) usage[whole]! += usage[PARTS[whole].audio] ?? 0;
}

function leaveOutOverflow({ usage, warnings }: Draft): void {
  for (const type of TOKEN_TYPES) {
    if (usage[type] === undefined || Number.isSafeInteger(usage[type])) continue;
    delete usage[type];
    warnings.add(type, 'tokens and their parts are more than can be counted');
  }
}
