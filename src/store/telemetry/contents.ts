/** What both engines have in common of contents (src/model/content.ts): how they come back into the records that are read. */
import { CONTENT_FIELDS, type ContentField, mayHaveContents, putBack } from '../../model/content.js';

/** The fields of a record that was read, whatever else it has. */
export type StoredTexts = { [field in ContentField]?: string };

export interface StoredPlace {
  field: ContentField;
  at: number;
  length: number;
  text: string;
}

/**
 * Of one answer. A page may ask for hundreds of records with an image each: what does not fit any more keeps its marks, and
 * is whole when the record is asked for alone.
 */
export const MAX_ANSWER_CHARS = 2 ** 26;

export class ContentRoom {
  private isUsed = false;

  constructor(private left = MAX_ANSWER_CHARS) {}

  /** For all contents of a record; where there is any room, it is enough for the first. */
  takes(chars: number): boolean {
    if (this.left <= 0 || (this.isUsed && chars > this.left)) return false;
    this.isUsed = true;
    this.left -= chars;
    return true;
  }
}

/** Whether it is worth to look for places: a text with marks may have been sent as it is. */
export function asksForContents(texts: StoredTexts): boolean {
  return CONTENT_FIELDS.some((field) => mayHaveContents(texts[field] ?? ''));
}

/** Places by field, then by where they are. */
export function restoreTexts(texts: StoredTexts, places: readonly StoredPlace[]): void {
  for (const field of CONTENT_FIELDS) {
    const ofField = places.filter((place) => place.field === field);
    if (ofField.length > 0) texts[field] = putBack(texts[field]!, ofField);
  }
}
