/**
 * Percentiles of sums: a DDSketch with 1 % relative accuracy (buckets by the logarithm of the value), kept as the list of its
 * buckets. So two are merged by adding their counts, and what was added is taken away exactly: a count may be negative
 * until it is merged with the row that it corrects.
 */
import { DDSketch } from '@datadog/sketches-js';

const RELATIVE_ACCURACY = 0.01;
const { mapping } = new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });
/** Of zero; a value of 1 or more is in bucket 1 or above. */
const ZERO_BUCKET = 0;

/** Of a duration in nanoseconds, which is a whole number: what is below zero counts as zero. */
export function bucketOf(nanoseconds: number): number {
  return nanoseconds < 1 ? ZERO_BUCKET : mapping.key(nanoseconds) + 1;
}

/** Durations of 64 bits are below bucket 2,220. */
const DENSE_BUCKETS = 2_304;
/** Zeroed at the beginning of each use. */
const dense = new Float64Array(DENSE_BUCKETS);

type Add = (bucket: number, count: number) => void;

function decode(encoded: Uint8Array, add: Add): void {
  let at = 0;
  let bucket = 0;
  const rest = (first: number) => {
    let value = first - 128;
    for (let factor = 128; ; factor *= 128) {
      const byte = encoded[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < encoded.length) {
    const distance = encoded[at++]!;
    bucket += distance < 128 ? distance : rest(distance);
    const byte = encoded[at++] ?? 0;
    const zigzag = byte < 128 ? byte : rest(byte);
    add(bucket, zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
  }
}

/** Those past the end of `dense` are `others`'. */
function countInto(all: Iterable<Uint8Array>, others: Add): void {
  dense.fill(0);
  const add = (bucket: number, count: number) => {
    if (bucket < DENSE_BUCKETS) dense[bucket]! += count;
    else others(bucket, count);
  };
  for (const encoded of all) decode(encoded, add);
}

type Values<Quantiles extends readonly number[]> = { [at in keyof Quantiles]: number | undefined };

export class Sketch {
  private readonly counts = new Map<number, number>();

  add(nanoseconds: number, count: number): void {
    this.addTo(bucketOf(nanoseconds), count);
  }

  merge(other: Sketch): void {
    for (const [bucket, count] of other.counts) this.addTo(bucket, count);
  }

  /** Adds what `encode` wrote. */
  mergeEncoded(encoded: Uint8Array): void {
    decode(encoded, (bucket, count) => this.addTo(bucket, count));
  }

  /** Bucket and count by turns, in no order: quicker than `encode`, and larger. */
  pairs(): number[] {
    const all: number[] = [];
    for (const [bucket, count] of this.counts) all.push(bucket, count);
    return all;
  }

  static ofPairs(pairs: readonly number[]): Sketch {
    const sketch = new Sketch();
    sketch.addPairs(pairs);
    return sketch;
  }

  /** Adds what `pairs` gave. */
  addPairs(pairs: readonly number[]): void {
    for (let at = 0; at < pairs.length; at += 2) this.addTo(pairs[at]!, pairs[at + 1]!);
  }

  /** Of thousands that `encode` wrote: counted in an array, which is several times as fast as one by one. */
  static merged(all: Iterable<Uint8Array>): Sketch {
    const sketch = new Sketch();
    countInto(all, (bucket, count) => sketch.addTo(bucket, count));
    for (let bucket = 0; bucket < DENSE_BUCKETS; bucket++) {
      if (dense[bucket] !== 0) sketch.addTo(bucket, dense[bucket]!);
    }
    return sketch;
  }

  /** As `quantiles` of all of them `merged`. */
  static quantilesOf<Quantiles extends readonly number[]>(
    all: readonly Uint8Array[],
    quantiles: Quantiles,
  ): Values<Quantiles> {
    let isDense = true;
    countInto(all, () => {
      isDense = false;
    });
    return isDense ? quantilesIn(dense, quantiles) : Sketch.merged(all).quantiles(quantiles);
  }

  /** Pairs of variable-length numbers: the distance from the bucket before, and the count, its sign in the lowest bit. */
  encode(): Buffer {
    const bytes: number[] = [];
    const write = (value: number) => {
      let left = value;
      for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
      bytes.push(left);
    };
    let before = 0;
    for (const [bucket, count] of this.inOrder()) {
      write(bucket - before);
      write(count < 0 ? -2 * count - 1 : 2 * count);
      before = bucket;
    }
    return Buffer.from(bytes);
  }

  /** In nanoseconds, in the order of `quantiles` (each from 0 to 1); undefined when nothing is in it. */
  quantiles<Quantiles extends readonly number[]>(quantiles: Quantiles): Values<Quantiles> {
    const inOrder = this.inOrder().filter(([, count]) => count > 0);
    const total = inOrder.reduce((sum, [, count]) => sum + count, 0);
    return quantiles.map((quantile) => valueAt(inOrder, quantile * (total - 1))) as Values<Quantiles>;
  }

  isEmpty(): boolean {
    return this.counts.size === 0;
  }

  /** `bucket` is one that `bucketOf` gave. */
  addTo(bucket: number, count: number): void {
    const sum = (this.counts.get(bucket) ?? 0) + count;
    if (sum === 0) this.counts.delete(bucket);
    else this.counts.set(bucket, sum);
  }

  private inOrder(): [bucket: number, count: number][] {
    return [...this.counts].sort(([a], [b]) => a - b);
  }
}

/** Of the bucket that holds the value of that rank: the library's own way takes ten times as long to be set up. */
function valueAt(inOrder: readonly (readonly [bucket: number, count: number])[], rank: number): number | undefined {
  let seen = 0;
  for (const [bucket, count] of inOrder) {
    seen += count;
    if (seen > rank) return valueIn(bucket);
  }
  return undefined;
}

function valueIn(bucket: number): number {
  return bucket === ZERO_BUCKET ? 0 : mapping.value(bucket - 1);
}

/** Of counts by bucket: those below zero are no values. */
function quantilesIn<Quantiles extends readonly number[]>(counts: Float64Array, quantiles: Quantiles) {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) if (counts[bucket]! > 0) total += counts[bucket]!;
  return quantiles.map((quantile) => {
    const rank = quantile * (total - 1);
    let seen = 0;
    for (let bucket = 0; bucket < counts.length; bucket++) {
      if (counts[bucket]! > 0) seen += counts[bucket]!;
      if (seen > rank && seen > 0) return valueIn(bucket);
    }
    return undefined;
  }) as Values<Quantiles>;
}
