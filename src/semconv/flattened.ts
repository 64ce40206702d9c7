/** Messages that are spread over many attributes by index: `llm.input_messages.0.message.content`. */
import type { Draft, FlatTexts } from './draft.js';
import type { JsonObject } from './json.js';
import type { JsonSlice } from './json-slice.js';

/** Of messages, and of lists within them. */
export const MAX_INDEX = 9_999;

const INPUT = /^(?:gen_ai\.prompt|llm\.input_messages|llm\.prompts|embedding\.embeddings)\.(\d+)\.(.+)$/;
const OUTPUT =
  /^(?:gen_ai\.completion|llm\.output_messages|llm\.choices|retrieval\.documents|reranker\.output_documents)\.(\d+)\.(.+)$/;

/** What a message's text is under, whatever stands before it. */
const TEXT = /(?:^|\.)(?:content|text|document\.content|arguments)$/;

/** What the name of an attribute says of its value. */
export interface FlatName {
  side: 'input' | 'output';
  index: number;
  isText: boolean;
  /** OpenLLMetry 0.47 has them with the answers alone. */
  isFinishReason: boolean;
}

/** undefined for all other names. */
export function flatNameOf(name: string): FlatName | undefined {
  const input = INPUT.exec(name);
  const [, index = '', rest = ''] = input ?? OUTPUT.exec(name) ?? [];
  if (index === '') return undefined;
  const isText = TEXT.test(rest);
  const isFinishReason = !input && rest === 'finish_reason';
  const isBeyond = Number(index) > MAX_INDEX;
  if (!isText && !isFinishReason && !isBeyond) return undefined;
  return { side: input ? 'input' : 'output', index: Number(index), isText, isFinishReason };
}

export function newFlatTexts(): FlatTexts {
  return { input: [], output: [], first: undefined, finishReasons: [] };
}

export function addFlatText(
  draft: Draft,
  { side, index, isText, isFinishReason }: FlatName,
  attribute: string,
  value: JsonSlice,
): void {
  if (index > MAX_INDEX) draft.warnings.add(attribute, `has an index beyond ${MAX_INDEX}`);
  if (index > MAX_INDEX || !value.isString) return;
  draft.flat ??= newFlatTexts();
  if (isFinishReason) draft.flat.finishReasons.push(value.value());
  if (!isText) return;
  draft.flat[side].push(value);
  if (side === 'input' && index === 0) draft.flat.first ??= value;
}

type Node = Map<string, unknown>;

/**
 * `prefix.N.a.b` as a list of nested objects, in the order of N, for those with the prefix; holes are no elements. `onCut`
 * hears of what an index beyond the bound leaves out.
 */
export function unflattened(attributes: JsonObject, prefix: string, onCut: () => void): unknown[] {
  const root: Node = new Map();
  for (const name in attributes) {
    if (name.startsWith(prefix)) place(root, name.slice(prefix.length).split('.'), attributes[name], onCut);
  }
  return elementsOf(root);
}

/** Deeper names than any vocabulary has are one name. */
const MAX_STEPS = 12;

function place(root: Node, steps: readonly string[], value: unknown, onCut: () => void): void {
  if (steps.length > MAX_STEPS || steps.some(isBeyond)) {
    onCut();
    return;
  }
  let node = root;
  for (const step of steps.slice(0, -1)) {
    const child = node.get(step) ?? new Map<string, unknown>();
    if (!(child instanceof Map)) return;
    node.set(step, child);
    node = child as Node;
  }
  const last = steps.at(-1)!;
  if (!node.has(last)) node.set(last, value);
}

const INDEX = /^\d+$/;

function isBeyond(step: string): boolean {
  return INDEX.test(step) && Number(step) > MAX_INDEX;
}

function elementsOf(node: Node): unknown[] {
  const indexed = [...node].filter(([key]) => INDEX.test(key)).sort(([a], [b]) => Number(a) - Number(b));
  return indexed.map(([, value]) => plain(value));
}

/** A map whose keys are all indexes is a list. Keys are just keys, also `__proto__`. */
function plain(value: unknown): unknown {
  if (!(value instanceof Map)) return value;
  const keys = [...(value as Node).keys()];
  if (keys.every((key) => INDEX.test(key))) return elementsOf(value as Node);
  return Object.fromEntries([...(value as Node)].map(([key, child]) => [key, plain(child)]));
}
