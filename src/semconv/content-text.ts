/** What a span's content is found by, and recognised by. */
import { promptHashOf } from '../model/prompt-hash.js';
import { type Draft, type FlatTexts, NO_CONTENT } from './draft.js';
import { newFlatTexts } from './flattened.js';
import { Memo } from './memo.js';
import { collectTexts, FirstText, MAX_INPUT_CHARS, MAX_SEARCH_CHARS, SearchText } from './search-text.js';
import { listOf } from './value.js';

export interface ContentText {
  searchText: string;
  promptHash: string;
}

export const NO_TEXT: Readonly<ContentText> = { searchText: '', promptHash: '' };
const NO_FLAT_TEXTS: Readonly<FlatTexts> = newFlatTexts();

/** `events`: attribute objects of events with content, those of the question before those of the answer. */
export function contentText(draft: Draft, events: readonly unknown[]): ContentText {
  if (draft.kind === 'span' && draft.content === NO_CONTENT && !draft.flat && events.length === 0) return NO_TEXT;
  const flat = draft.flat ?? NO_FLAT_TEXTS;
  if (flat.finishReasons.length > 0) {
    draft.finishReasons ??= listOf(flat.finishReasons, 'finish_reason', draft.warnings);
  }
  const text = new SearchText();
  text.allow(MAX_INPUT_CHARS);
  for (const value of inputsOf(draft, flat, events)) collectTexts(value, text);
  const { first } = text;
  text.allow(MAX_SEARCH_CHARS - MAX_INPUT_CHARS);
  for (const value of outputsOf(draft, flat)) collectTexts(value, text);
  return { searchText: text.toString(), promptHash: hashOf(draft, flat, first) };
}

function inputsOf({ content }: Draft, flat: FlatTexts, events: readonly unknown[]): unknown[] {
  const { system, inputMessages, input, toolArguments } = content;
  if (inputMessages !== undefined) return [system, inputMessages];
  if (flat.input.length > 0) return [system, ...flat.input];
  return [system, input ?? toolArguments ?? content.events, ...events];
}

function outputsOf({ content }: Draft, flat: FlatTexts): unknown[] {
  const { outputMessages, output, outputToolCalls, toolResult } = content;
  if (outputMessages !== undefined) return [outputMessages];
  return flat.output.length > 0 ? flat.output : [output ?? toolResult, outputToolCalls];
}

/** Many calls begin with the same instructions. */
const PLACES = 1024;
const MAX_CHARS = 8192;
const hashes = new Memo(PLACES, MAX_CHARS, promptHashOf);

/** Of calls to a model that name no prompt. `first`: the text that was come upon first. */
function hashOf(draft: Draft, flat: FlatTexts, first: string | undefined): string {
  if (draft.promptName !== undefined || draft.kind !== 'llm') return '';
  const text = draft.template ?? firstText(flat.first) ?? first;
  return text === undefined ? '' : hashes.of(text);
}

function firstText(value: unknown): string | undefined {
  const first = new FirstText();
  collectTexts(value, first);
  return first.text;
}
