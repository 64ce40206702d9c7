/** Which generations a search of words finds: by their own messages, or by those of a log event of their span. */
import { withSpaces } from '../unspaced-scripts.js';
import type { BlockReader } from './block-reader.js';
import type { Catalog } from './catalog.js';
import type { Conditions } from './conditions.js';

/** In each block: of a word that more messages have, each row is asked whether it is one of them. */
const MAX_FOUND = 5000;
/** In all blocks: of more log events with the words, those of the newest count. */
const MAX_EVENTS = 20_000;

const SEPARATORS = /[^\p{L}\p{N}\p{Co}\p{M}]+/u;
/** FTS5 leaves out accents, which stand here, and takes other marks for separators. */
const ACCENTS = /[\u0300-\u036f]+/gu;
const MARKS = /\p{M}+/u;

/** As the tokenizer of the block takes a text apart; a query of FTS5 for all of them, undefined for none. */
export function wordQuery(text: string): string | undefined {
  const words = withSpaces(text).split(SEPARATORS).map(anySpelling);
  const distinct = [...new Set(words.filter((word) => word !== ''))];
  return distinct.length === 0 ? undefined : distinct.join(' AND ');
}

/** FTS5 folds accents of Latin letters alone: of others (й, ё) a text has a letter of its own, or one with a mark behind it. */
function anySpelling(word: string): string {
  const composed = word.normalize('NFC').replace(ACCENTS, '');
  const bare = word.normalize('NFD').replace(ACCENTS, '').normalize('NFC');
  const [first = '', other] = new Set([composed, bare].map(partsOf).filter((parts) => parts !== ''));
  return other === undefined ? first : `((${first}) OR (${other}))`;
}

function partsOf(word: string): string {
  const parts = word.split(MARKS).filter((part) => part !== '');
  return parts.map((part) => `"${part}"`).join(' AND ');
}

export interface SpanName {
  traceId: Buffer;
  spanId: Buffer;
}

/** One search, over all blocks. */
export class TextSearch {
  private readonly words: string | undefined;
  private events: SpanName[] | undefined;

  constructor(
    private readonly catalog: Catalog,
    text: string,
  ) {
    this.words = wordQuery(text);
  }

  /** Of the rows `x` of a block. No words: none. */
  conditionsIn(reader: BlockReader, workspace: bigint): Conditions {
    const { words } = this;
    if (words === undefined) return { sql: ['0'], parameters: {} };
    const ids = reader.allTexts<{ id: bigint }>(
      'SELECT rowid AS id FROM texts WHERE texts MATCH @words ORDER BY rowid DESC LIMIT @limit',
      { words, limit: MAX_FOUND + 1 },
    );
    const ofEvents = this.spansWithEvents().flatMap((span) => reader.generationIds(workspace, span));
    const listed = 'x.id IN (SELECT value FROM json_each(@ofEvents))';
    const ofEventsJson = `[${ofEvents.join()}]`;
    if (ids.length <= MAX_FOUND) {
      const all = `[${[...ids.map(({ id }) => id), ...ofEvents].join()}]`;
      return { sql: ['x.id IN (SELECT value FROM json_each(@found))'], parameters: { found: all } };
    }
    const own = 'EXISTS (SELECT 1 FROM texts WHERE texts MATCH @words AND rowid = x.id)';
    return { sql: [`(${own} OR ${listed})`], parameters: { words, ofEvents: ofEventsJson } };
  }

  /** A log event may be in another block than its span. */
  private spansWithEvents(): SpanName[] {
    this.events ??= this.catalog
      .blocks()
      .flatMap(({ file }) => this.catalog.read(file, (reader) => this.eventsIn(reader)) ?? []);
    return this.events.slice(0, MAX_EVENTS);
  }

  private eventsIn(reader: BlockReader): SpanName[] {
    const sql = `SELECT DISTINCT l.trace_id AS traceId, l.span_id AS spanId
      FROM texts CROSS JOIN log_records l ON l.id = -texts.rowid
      WHERE texts MATCH @words AND texts.rowid < 0 AND l.span_id IS NOT NULL AND l.trace_id IS NOT NULL LIMIT @limit`;
    return reader.allTexts<SpanName>(sql, { words: this.words, limit: MAX_EVENTS });
  }
}
