/** Full text as blocks of versions 3 to 7 have it: among their own tables. */
export const TEXTS_OF_VERSION_7 = `
CREATE VIRTUAL TABLE texts USING fts5 (
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
);
`;
