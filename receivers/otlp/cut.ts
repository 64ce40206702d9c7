/** Copies of a request without some of its items; every other byte stays as it came. */

/** How many levels of messages hold the items: ResourceSpans, ScopeSpans. Their lengths are written anew. */
const CONTAINERS = 2;

function varint(value: number): Buffer {
  const out: number[] = [];
  for (; value > 0x7f; value >>>= 7) out.push((value & 0x7f) | 0x80);
  return Buffer.from([...out, value]);
}

/** `cuts` are whole fields of the verified `body`: start, end, start, end, …, ascending. */
export function cutProtobuf(body: Uint8Array, cuts: readonly number[]): Buffer {
  let pos = 0;
  let cut = 0;

  function readVarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = body[pos++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** Only fields around or at a cut are looked at one by one; cuts lie in length-delimited fields alone. */
  function rebuild(end: number, containers: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let kept = pos;
    while (pos < end && cut < cuts.length && cuts[cut]! < end) {
      const start = pos;
      const wireType = readVarint() & 7;
      if (start === cuts[cut]) {
        pieces.push(body.subarray(kept, start));
        kept = pos = cuts[cut + 1]!;
        cut += 2;
        continue;
      }
      const tagEnd = pos;
      const stop = skipTo(wireType, start);
      if (containers > 0 && cuts[cut]! < stop) {
        pieces.push(body.subarray(kept, tagEnd));
        const inner = rebuild(stop, containers - 1);
        pieces.push(varint(inner.reduce((sum, piece) => sum + piece.length, 0)), ...inner);
        kept = stop;
      }
      pos = stop;
    }
    pieces.push(body.subarray(kept, end));
    pos = end;
    return pieces;
  }

  /** Where the field ends; for a length-delimited one `pos` is left where its content starts. */
  function skipTo(wireType: number, start: number): number {
    if (wireType === 1) return pos + 8;
    if (wireType === 5) return pos + 4;
    if (wireType === 3) return endOfGroup();
    const value = readVarint();
    if (wireType === 0) return pos;
    if (wireType === 2) return pos + value;
    throw new Error(`not a verified payload: wire type ${wireType} at byte ${start}`);
  }

  function endOfGroup(): number {
    for (let depth = 1; depth > 0; ) {
      const start = pos;
      const wireType = readVarint() & 7;
      if (wireType === 4) depth -= 1;
      else if (wireType === 3) depth += 1;
      else pos = skipTo(wireType, start);
    }
    return pos;
  }

  return Buffer.concat(rebuild(body.length, CONTAINERS));
}

/** `cuts` are ranges of the text that were chosen with their commas. */
export function cutRanges(body: Uint8Array, cuts: readonly number[]): Buffer {
  const pieces: Uint8Array[] = [];
  let kept = 0;
  for (let i = 0; i < cuts.length; i += 2) {
    pieces.push(body.subarray(kept, cuts[i]!));
    kept = cuts[i + 1]!;
  }
  pieces.push(body.subarray(kept));
  return Buffer.concat(pieces);
}
