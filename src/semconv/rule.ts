/** What a vocabulary's table is made of: an attribute's name, and what its value says. */
import type { BilledType, GenerationKind, TokenType } from '../model/generation.js';
import type { Content, Draft } from './draft.js';
import { isObject, type JsonObject } from './json.js';
import {
  booleanOf,
  countOf,
  durationOf,
  durationUntil,
  listOf,
  moneyOf,
  readObject,
  scalarTextOf,
  textOf,
} from './value.js';

export type Apply = (draft: Draft, value: unknown, attribute: string) => void;
/** What is said stands where it stands, unread until somebody wants it. */
export interface Said {
  content: ContentField;
}
export type ContentField = keyof Content;
/** In the order in which they are asked: the first that is present and understood counts. */
export type Vocabulary = readonly (readonly [attribute: string, ...rules: (Apply | Said)[]])[];
/** Of an object's members, which are read already. */
export type MemberVocabulary = readonly (readonly [path: string, ...rules: Apply[]])[];

type FieldsOf<Value> = {
  [field in keyof Draft]-?: Draft[field] extends Value | undefined
    ? undefined extends Draft[field]
      ? field
      : never
    : never;
}[keyof Draft];

export type TextField = Exclude<FieldsOf<string>, 'kind'>;

export function text(field: TextField): Apply {
  return (draft, value, attribute) => {
    draft[field] ??= textOf(value, attribute, draft.warnings);
  };
}

/** A template is compared as a whole, so it is not bounded as names are. */
export function template(): Apply {
  return (draft, value) => {
    draft.template ??= scalarTextOf(value) || undefined;
  };
}

export function count(type: TokenType): Apply {
  return (draft, value, attribute) => {
    const warnings = draft.warnings.list.length;
    const tokens = draft.usage[type] ?? countOf(value, attribute, draft.warnings);
    if (tokens !== undefined) draft.usage[type] = tokens;
    else draft.hasOddCount ||= draft.warnings.list.length > warnings;
  };
}

/** None is what most say who say it. */
export function billed(type: BilledType): Apply {
  return (draft, value, attribute) => {
    const amount = draft.billed?.[type] ?? countOf(value, attribute, draft.warnings);
    if (amount) draft.billed = { ...draft.billed, [type]: amount };
  };
}

export function total(): Apply {
  return (draft, value, attribute) => {
    draft.totalTokens ??= countOf(value, attribute, draft.warnings);
  };
}

export function money(field: 'reportedCost' | 'inputCost' | 'outputCost'): Apply {
  return (draft, value, attribute) => {
    draft[field] ??= moneyOf(value, attribute, draft.warnings);
  };
}

export function list(field: 'finishReasons' | 'tags'): Apply {
  return (draft, value, attribute) => {
    draft[field] ??= listOf(value, attribute, draft.warnings);
  };
}

export function duration(field: 'timeToFirstTokenNano' | 'durationNano', unit: 's' | 'ms'): Apply {
  return (draft, value, attribute) => {
    draft[field] ??= durationOf(value, unit, attribute, draft.warnings);
  };
}

export function momentOfFirstToken(): Apply {
  return (draft, value, attribute) => {
    draft.timeToFirstTokenNano ??= durationUntil(value, draft.startTimeUnixNano, attribute, draft.warnings);
  };
}

export function streaming(): Apply {
  return (draft, value) => {
    draft.streaming ??= booleanOf(value);
  };
}

export function content(field: ContentField): Said {
  return { content: field };
}

export interface Meaning {
  kind?: GenerationKind;
  operation?: string;
  isAggregate?: boolean;
  streaming?: boolean;
}

/** By the value in lower case. What the table doesn't know is kept as the operation when `keepsUnknown`. */
export function kind(meanings: Readonly<Record<string, Meaning>>, { keepsUnknown = false } = {}): Apply {
  const known = new Map(Object.entries(meanings));
  return (draft, value, attribute) => {
    const told = textOf(value, attribute, draft.warnings);
    if (told === undefined) return;
    mean(draft, known.get(told.toLowerCase()) ?? (keepsUnknown ? { operation: told } : {}));
  };
}

/** Whatever the value: the attribute's presence says it. */
export function means(meaning: Meaning): Apply {
  return (draft) => mean(draft, meaning);
}

function mean(draft: Draft, meaning: Meaning): void {
  draft.operation ??= meaning.operation;
  draft.kind ??= meaning.kind;
  draft.streaming ??= meaning.streaming;
  draft.isAggregate ||= meaning.isAggregate === true;
}

/** Only where the value reads so (in lower case). */
export function when(expected: string, then: (draft: Draft) => void): Apply {
  return (draft, value) => {
    if (scalarTextOf(value)?.toLowerCase() === expected) then(draft);
  };
}

/** Names that anybody may use are believed where it is known what the span is. */
export function ofKind(expected: GenerationKind, rule: Apply): Apply {
  return (draft, value, attribute) => {
    if (draft.kind === expected) rule(draft, value, attribute);
  };
}

/** An object, structured or as text, with rules for its members; `a.b` is member b of member a. */
export function members(vocabulary: MemberVocabulary): Apply {
  return (draft, value, attribute) => {
    const object = readObject(value, attribute, draft.warnings);
    if (object) eachMember(object, vocabulary, draft, attribute);
  };
}

function eachMember(object: JsonObject, vocabulary: MemberVocabulary, draft: Draft, attribute: string): void {
  for (const [name, ...rules] of vocabulary) {
    const value = memberOf(object, name);
    if (value !== undefined) for (const rule of rules) rule(draft, value, `${attribute} ${name}`);
  }
}

export function memberOf(object: JsonObject, path: string): unknown {
  if (Object.hasOwn(object, path)) return object[path];
  const dot = path.indexOf('.');
  if (dot < 0) return undefined;
  const child = object[path.slice(0, dot)];
  return isObject(child) ? memberOf(child, path.slice(dot + 1)) : undefined;
}
