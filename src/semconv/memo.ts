/**
 * What was made of texts that come again and again: models, providers, a system prompt. Of two texts with one place the
 * later stands in it, so that neither finding nor forgetting takes more than a look.
 */
export class Memo<Result> {
  private readonly texts: (string | undefined)[];
  private readonly results: (Result | undefined)[];
  private readonly mask: number;

  /** `places`: a power of two. */
  constructor(
    places: number,
    private readonly maxChars: number,
    private readonly make: (text: string) => Result,
  ) {
    this.texts = new Array<string | undefined>(places).fill(undefined);
    this.results = new Array<Result | undefined>(places).fill(undefined);
    this.mask = places - 1;
  }

  of(text: string): Result {
    const place = placeOf(text) & this.mask;
    if (this.texts[place] === text) return this.results[place] as Result;
    const result = this.make(text);
    if (text.length <= this.maxChars) {
      this.texts[place] = ownCopy(text);
      this.results[place] = result;
    }
    return result;
  }
}

const LOOKED_AT = 16;

/** Some characters of a text, and the last of it, tell most apart, and cost less than a hash of all. */
function placeOf(text: string): number {
  const { length } = text;
  const step = length < 2 * LOOKED_AT ? 1 : Math.floor(length / LOOKED_AT);
  let sum = length;
  for (let at = length - 1; at >= 0; at -= step) sum = Math.imul(sum, 31) + text.charCodeAt(at);
  return sum ^ (sum >>> 10);
}

/** V8 makes a slice of 13 characters or more a view that keeps the whole text alive; this one stands alone. */
export function ownCopy(text: string): string {
  return ` ${text}`.slice(1);
}
