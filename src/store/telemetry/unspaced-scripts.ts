/**
 * Scripts that put no space between words. Where a word ends takes a dictionary to tell, so each character is a word, in what is
 * indexed as in what is searched: a search finds texts with all of them.
 */
const CHARACTERS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
/** Where those characters are. A text of Latin letters alone is told by its kind, without a look at it. */
const PLACES = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud8ff\uf900-\uffef]/;

export function withSpaces(text: string): string {
  return PLACES.test(text) ? text.replace(CHARACTERS, ' $& ') : text;
}
