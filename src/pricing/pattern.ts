/**
 * Patterns of model names: `*` stands for any characters, everything else for itself, in any case, from the beginning to
 * the end. Each piece between stars is looked for once, where the one before ended: no pattern makes a name expensive.
 */
export interface Pattern {
  matches(lowerCaseName: string): boolean;
  /** Characters that are not `*`: the more, the narrower. */
  literals: number;
}

/** As patterns are kept and compared: `GPT-4**` and `gpt-4*` are one. */
export function canonicalPattern(text: string): string {
  return text.trim().toLowerCase().replace(/\*+/g, '*');
}

function hasPieces(name: string, pieces: readonly string[], start: number, end: number): boolean {
  let at = start;
  for (const piece of pieces) {
    const found = name.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

export function compilePattern(text: string): Pattern {
  const [first = '', ...others] = canonicalPattern(text).split('*');
  const last = others.pop();
  const literals = first.length + others.join('').length + (last?.length ?? 0);
  if (last === undefined) return { literals, matches: (name) => name === first };
  return {
    literals,
    matches(name) {
      const end = name.length - last.length;
      return (
        end >= first.length &&
        name.startsWith(first) &&
        name.endsWith(last) &&
        hasPieces(name, others, first.length, end)
      );
    },
  };
}
