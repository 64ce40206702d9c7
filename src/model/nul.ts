/** Text of Postgres has no NUL (postgresql.org/docs, "Character Types"); SQLite's is kept the same. */
export function withoutNul<Text extends string | undefined>(text: Text): Text {
  return text?.includes('\0') ? (text.replaceAll('\0', '\uFFFD') as Text) : text;
}
