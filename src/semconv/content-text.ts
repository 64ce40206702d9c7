/** What a span's content is found by, and recognised by. */

import { promptHashOf } from '../model/prompt-hash.js';
import type { Draft } from './draft.js';
import { type FlatTexts, flatTexts } from './flattened.js';
import type { JsonObject } from './json.js';
import { collectTexts, FirstText, MAX_INPUT_CHARS, MAX_SEARCH_CHARS, SearchText } from './search-text.js';
import { listOf } from './value.js';

export interface ContentText {
  searchText: string;
  promptHash: string;
}

/** `events`: attribute objects of events with content, those of the question before those of the answer. */
export function contentText(draft: Draft, attributes: JsonObject, events: readonly unknown[]): ContentText {
  const flat = flatTexts(attributes, draft.warnings);
  if (flat.finishReasons.length > 0) {
    draft.finishReasons ??= listOf(flat.finishReasons, 'finish_reason', draft.warnings);
  }
  const inputs = inputsOf(draft, flat, events);
  return { searchText: searchTextOf(inputs, outputsOf(draft, flat)), promptHash: hashOf(draft, inputs, flat) };
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

function searchTextOf(inputs: readonly unknown[], outputs: readonly unknown[]): string {
  const text = new SearchText();
  text.allow(MAX_INPUT_CHARS);
  for (const value of inputs) collectTexts(value, text);
  text.allow(MAX_SEARCH_CHARS - MAX_INPUT_CHARS);
  for (const value of outputs) collectTexts(value, text);
  return text.toString();
}

/** Of calls to a model that name no prompt. */
function hashOf(draft: Draft, inputs: readonly unknown[], flat: FlatTexts): string {
  if (draft.promptName !== undefined || draft.kind !== 'llm') return '';
  const text = draft.template ?? firstText(flat.first === undefined ? inputs : [flat.first, ...inputs]);
  return text === undefined ? '' : promptHashOf(text);
}

function firstText(values: readonly unknown[]): string | undefined {
  const first = new FirstText();
  for (const value of values) collectTexts(value, first);
  return first.text;
}
