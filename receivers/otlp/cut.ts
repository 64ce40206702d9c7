/** Copies of a request without some of its items; every other byte stays as it came. */

/** How many levels of messages hold the items: ResourceSpans, ScopeSpans. Their lengths are written anew. */
const CONTAINERS = 2;

/** A sequential copy out of one payload. */
class Copy {
  private readonly source: Buffer;
  private readonly out: Buffer;
  private at = 0;

  constructor(body: Uint8Array) {
    this.source = Buffer.from(body.buffer, body.byteOffset, body.length);
    // Not out of Node's shared pool, which a buffered request would keep.
    this.out = Buffer.allocUnsafeSlow(body.length);
  }

  range(from: number, stop: number): void {
    if (from < stop) this.at += this.source.copy(this.out, this.at, from, stop);
  }

  /** Leaves room for a length that replaces one of `size` bytes; it can't be greater. */
  openLength(size: number): number {
    this.at += size;
    return this.at;
  }

  closeLength(start: number, size: number): void {
    const length = this.at - start;
    let to = start - size;
    for (let rest = length; ; rest >>>= 7) {
      this.out[to++] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
      if (rest <= 0x7f) break;
    }
    if (to < start) this.out.copyWithin(to, start, this.at);
    this.at = to + length;
  }

  finish(): Buffer {
    return this.out.subarray(0, this.at);
  }
}

/** `cuts` are runs of whole fields of the verified `body`: start, end, start, end, …, ascending. */
export function cutProtobuf(body: Uint8Array, cuts: readonly number[]): Buffer {
  const copy = new Copy(body);
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

  /** Only fields up to the last cut are looked at one by one. */
  function rebuild(end: number, containers: number): void {
    let kept = pos;
    while (pos < end && cut < cuts.length && cuts[cut]! < end) {
      const start = pos;
      if (start === cuts[cut]) {
        copy.range(kept, start);
        kept = pos = cuts[cut + 1]!;
        cut += 2;
        continue;
      }
      const wireType = readVarint() & 7;
      const tagEnd = pos;
      const stop = endOfField(wireType);
      if (containers > 0 && cuts[cut]! < stop) {
        copy.range(kept, tagEnd);
        const size = pos - tagEnd;
        const content = copy.openLength(size);
        rebuild(stop, containers - 1);
        copy.closeLength(content, size);
        kept = stop;
      }
      pos = stop;
    }
    copy.range(kept, end);
    pos = end;
  }

  /** From behind its tag; for a length-delimited field `pos` is left where its content starts. */
  function endOfField(wireType: number): number {
    if (wireType === 1) return pos + 8;
    if (wireType === 5) return pos + 4;
    if (wireType === 3) return endOfGroup();
    const value = readVarint();
    return wireType === 2 ? pos + value : pos;
  }

  function endOfGroup(): number {
    for (let depth = 1; depth > 0; ) {
      const wireType = readVarint() & 7;
      if (wireType === 4) depth -= 1;
      else if (wireType === 3) depth += 1;
      else pos = endOfField(wireType);
    }
    return pos;
  }

  rebuild(body.length, CONTAINERS);
  return copy.finish();
}

/** `cuts` are ranges of the text that were chosen with their commas. */
export function cutRanges(body: Uint8Array, cuts: readonly number[]): Buffer {
  const copy = new Copy(body);
  let kept = 0;
  for (let i = 0; i < cuts.length; i += 2) {
    copy.range(kept, cuts[i]!);
    kept = cuts[i + 1]!;
  }
  copy.range(kept, body.length);
  return copy.finish();
}
