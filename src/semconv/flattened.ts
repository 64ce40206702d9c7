/** Messages that are spread over many attributes by index: `llm.input_messages.0.message.content`. */
import type { JsonObject } from './json.js';
import type { Warnings } from './warnings.js';

/** Of messages, and of lists within them. */
export const MAX_INDEX = 9_999;

export const FLAT_INPUT = /^(?:gen_ai\.prompt|llm\.input_messages|llm\.prompts|embedding\.embeddings)\.(\d+)\.(.+)$/;
export const FLAT_OUTPUT =
  /^(?:gen_ai\.completion|llm\.output_messages|llm\.choices|retrieval\.documents)\.(\d+)\.(.+)$/;

/** What a message's text is under, whatever stands before it. */
const TEXT = /(?:^|\.)(?:content|text|document\.content|arguments)$/;

/** A cheap look before the patterns. */
export function isFlat(name: string): boolean {
  return (
    name.startsWith('llm.') ||
    name.startsWith('gen_ai.') ||
    name.startsWith('retrieval.documents.') ||
    name.startsWith('embedding.embeddings.')
  );
}

export interface FlatTexts {
  input: string[];
  output: string[];
  /** Of the first message. */
  first: string | undefined;
  /** OpenLLMetry 0.47 has them with the answers alone. */
  finishReasons: string[];
}

/** The texts alone, in the order in which they came: enough to find a span by, without putting messages together. */
export function flatTexts(attributes: JsonObject, warnings: Warnings): FlatTexts {
  const texts: FlatTexts = { input: [], output: [], first: undefined, finishReasons: [] };
  for (const name in attributes) {
    if (!isFlat(name)) continue;
    const input = FLAT_INPUT.exec(name);
    const match = input ?? FLAT_OUTPUT.exec(name);
    if (match) addText(texts, input ? 'input' : 'output', match, attributes[name], warnings);
  }
  return texts;
}

function addText(
  texts: FlatTexts,
  side: 'input' | 'output',
  [name, index = '', rest = '']: RegExpExecArray,
  value: unknown,
  warnings: Warnings,
): void {
  if (Number(index) > MAX_INDEX) warnings.add(name, `has an index beyond ${MAX_INDEX}`);
  if (Number(index) > MAX_INDEX || typeof value !== 'string') return;
  if (rest === 'finish_reason' && side === 'output') texts.finishReasons.push(value);
  if (!TEXT.test(rest)) return;
  texts[side].push(value);
  if (side === 'input' && Number(index) === 0) texts.first ??= value;
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
