/** All vocabularies as one table, in the order in which they are believed, and how a span's attributes are read by it. */
import { type Draft, newDraft } from './draft.js';
import type { JsonObject } from './json.js';
import type { Apply, Vocabulary } from './rule.js';
import { GEN_AI } from './vocabularies/gen-ai.js';
import { LANGFUSE } from './vocabularies/langfuse.js';
import { NATIVE } from './vocabularies/native.js';
import { OPENINFERENCE } from './vocabularies/openinference.js';
import { OPENLLMETRY } from './vocabularies/openllmetry.js';
import { OTHERS } from './vocabularies/others.js';
import { VERCEL } from './vocabularies/vercel.js';

interface Row {
  order: number;
  attribute: string;
  rules: readonly Apply[];
}

export type Table = ReadonlyMap<string, Row>;

function tableOf(...vocabularies: Vocabulary[]): Table {
  const rows = vocabularies.flat().map(([attribute, ...rules], order) => ({ order, attribute, rules }));
  return new Map(rows.map((row) => [row.attribute, row]));
}

export const SPANS = tableOf(GEN_AI, OPENINFERENCE, OPENLLMETRY, VERCEL, LANGFUSE, OTHERS);
export const LOGS = tableOf(NATIVE, GEN_AI);

/** A span has few attributes and the table has many rows, so the rows are found by the attributes. */
export function draftOf(attributes: JsonObject, table: Table, startTimeUnixNano: bigint): Draft {
  const draft = newDraft(startTimeUnixNano);
  const found: Row[] = [];
  for (const name in attributes) {
    const row = table.get(name);
    if (row) found.push(row);
  }
  found.sort((a, b) => a.order - b.order);
  for (const { rules, attribute } of found) for (const rule of rules) rule(draft, attributes[attribute], attribute);
  return draft;
}
