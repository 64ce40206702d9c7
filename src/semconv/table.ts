/** All vocabularies as one table, in the order in which they are believed, and how a span's attributes are read by it. */
import { type Content, type Draft, NO_CONTENT, newContent, newDraft } from './draft.js';
import { addFlatText, type FlatName, flatNameOf } from './flattened.js';
import { JsonSlice, readValue } from './json-slice.js';
import type { Apply, ContentField, Said, Vocabulary } from './rule.js';
import { type Member, Shapes } from './shape.js';
import { GEN_AI } from './vocabularies/gen-ai.js';
import { LANGFUSE } from './vocabularies/langfuse.js';
import { NATIVE } from './vocabularies/native.js';
import { OPENINFERENCE } from './vocabularies/openinference.js';
import { OPENLLMETRY } from './vocabularies/openllmetry.js';
import { OTHERS } from './vocabularies/others.js';
import { VERCEL } from './vocabularies/vercel.js';

interface Row {
  order: number;
  rules: readonly Apply[];
  content: ContentField | undefined;
}

interface Meaning {
  row: Row | undefined;
  flat: FlatName | undefined;
}

/** What to do with the values of one order of names. */
interface Plan {
  /** In the order in which they are believed. */
  rows: readonly { attribute: string; place: number; rules: readonly Apply[]; content: ContentField | undefined }[];
  /** In the order in which they came. */
  flat: readonly { attribute: string; place: number; name: FlatName }[];
}

export class Table {
  private readonly rows: ReadonlyMap<string, Row>;
  private readonly shapes: Shapes<Meaning, Plan>;

  /** `hasFlat`: messages may be spread over attributes by index. */
  constructor(
    vocabularies: readonly Vocabulary[],
    private readonly hasFlat: boolean,
  ) {
    const entries = vocabularies.flat();
    this.rows = new Map(entries.map(([attribute, ...rules], order) => [attribute, rowOf(rules, order)]));
    this.shapes = new Shapes({ meaningOf: (name) => this.meaningOf(name), planOf });
  }

  keys(): Iterable<string> {
    return this.rows.keys();
  }

  /** `attributes`: the JSON text of an object. Throws a SyntaxError for what is none. */
  draftOf(attributes: string, startTimeUnixNano: bigint): Draft {
    const draft = newDraft(startTimeUnixNano);
    const plan = this.shapes.read(attributes);
    if (plan) this.apply(plan, attributes, draft);
    else this.readOther(attributes, draft);
    return draft;
  }

  /** A database may have written it in another form: with spaces, or with other escapes. */
  private readOther(attributes: string, draft: Draft): void {
    const text = JSON.stringify(JSON.parse(attributes));
    const plan = this.shapes.read(text);
    if (plan) this.apply(plan, text, draft);
  }

  private apply({ rows, flat }: Plan, json: string, draft: Draft): void {
    const { places } = this.shapes;
    for (const { attribute, place, rules, content } of rows) {
      const from = places[2 * place]!;
      const to = places[2 * place + 1]!;
      if (content !== undefined) keepContent(draft, content, new JsonSlice(json, from, to));
      if (rules.length === 0) continue;
      const value = readValue(json, from, to);
      for (const rule of rules) rule(draft, value, attribute);
    }
    for (const { attribute, place, name } of flat) {
      const value = new JsonSlice(json, places[2 * place]!, places[2 * place + 1]!);
      addFlatText(draft, name, attribute, value);
    }
  }

  private meaningOf(name: string): Meaning | undefined {
    const row = this.rows.get(name);
    const flat = this.hasFlat ? flatNameOf(name) : undefined;
    return row || flat ? { row, flat } : undefined;
  }
}

function rowOf(rules: readonly (Apply | Said)[], order: number): Row {
  const content = rules.find((rule) => typeof rule !== 'function')?.content;
  return { order, rules: rules.filter((rule) => typeof rule === 'function'), content };
}

function planOf(members: readonly Member<Meaning>[]): Plan {
  const known = members.flatMap(({ name, place, meaning: { row } }) =>
    row ? [{ attribute: name, place, ...row }] : [],
  );
  const flat = members.flatMap(({ name, place, meaning }) =>
    meaning.flat ? [{ attribute: name, place, name: meaning.flat }] : [],
  );
  return { rows: known.sort((a, b) => a.order - b.order), flat };
}

/** Of them an empty list says nothing; elsewhere `[]` may be what a model answered. */
const MESSAGES: ReadonlySet<ContentField> = new Set(['system', 'inputMessages', 'outputMessages']);

function keepContent(draft: Draft, field: ContentField, value: JsonSlice): void {
  if (draft.content[field] !== undefined || value.isNothing || (MESSAGES.has(field) && value.isEmptyList)) return;
  if (draft.content === NO_CONTENT) draft.content = newContent();
  (draft.content as Content)[field] = value;
}

export const SPANS = new Table([GEN_AI, OPENINFERENCE, OPENLLMETRY, VERCEL, LANGFUSE, OTHERS], true);
export const LOGS = new Table([NATIVE, GEN_AI], false);
