/** Levenshtein: letters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** maxBytes, max-bytes and MAX_BYTES are one word. */
function letters(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

const MAX_DISTANCE = 3;

/** The known name that a mistyped one most likely means: at most three letters away, and no more than half of it. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, away: distance(letters(name), letters(candidate)) }));
  ranked.sort((a, b) => a.away - b.away);
  const furthest = Math.min(MAX_DISTANCE, Math.ceil(name.length / 2));
  return ranked[0] && ranked[0].away <= furthest ? ranked[0].candidate : undefined;
}

/** « ; did you mean … ?», or nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
