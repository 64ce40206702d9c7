/** What goes out in one request: payloads of one signal, one behind the other. */
import type { Signal } from '../src/component.js';
import { MIN_SPLIT_BYTES } from './split.js';

/** The payload of one frame as protobuf, or a piece of it. */
export interface Part {
  sequence: number;
  /** '' for a whole frame; of a piece, which half of which half it is: '0', '01'. */
  piece: string;
  signal: Signal;
  workspace: string;
  items: number;
  receivedTimeUnixMs: number;
  payload: Buffer;
}

export interface BatchLimits {
  maxRequestBytes: number;
  maxRequestItems: number;
}

/** A protobuf message with a repeated field is the concatenation of messages with some of its elements each. */
export class Batch {
  readonly parts: readonly Part[];
  readonly items: number;
  readonly bytes: number;

  constructor(parts: readonly Part[]) {
    this.parts = parts;
    this.items = parts.reduce((sum, part) => sum + part.items, 0);
    this.bytes = parts.reduce((sum, part) => sum + part.payload.length, 0);
  }

  get signal(): Signal {
    return this.parts[0]!.signal;
  }
  get workspace(): string {
    return this.parts[0]!.workspace;
  }

  /** Uncopied where the parts stand one behind the other; else joined anew for each request: what waits is in memory once. */
  payload(): Buffer {
    const payloads = this.parts.map(({ payload }) => payload);
    if (!payloads.every(followsThePrevious)) return Buffer.concat(payloads);
    const { buffer, byteOffset } = payloads[0]!;
    return Buffer.from(buffer, byteOffset, this.bytes);
  }

  byFrames(): [Batch, Batch] | undefined {
    if (this.parts.length < 2) return undefined;
    const middle = Math.floor(this.parts.length / 2);
    return [new Batch(this.parts.slice(0, middle)), new Batch(this.parts.slice(middle))];
  }
}

function followsThePrevious(payload: Buffer, index: number, payloads: readonly Buffer[]): boolean {
  const previous = payloads[index - 1];
  if (previous === undefined) return true;
  return payload.buffer === previous.buffer && payload.byteOffset === previous.byteOffset + previous.length;
}

/** A part in pieces of at most so many bytes, where it can be cut so small: itself where not. */
export type Cut = (part: Part, maxBytes: number) => Promise<readonly Part[]>;

/** In the order of the parts; a part that is larger than a request may be is cut where that is possible. */
export async function batchesOf(
  parts: readonly Part[],
  limits: BatchLimits,
  groupOf: (part: Part) => string,
  cut: Cut,
): Promise<Batch[]> {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const group = groups.get(groupOf(part));
    if (group) group.push(part);
    else groups.set(groupOf(part), [part]);
  }
  const batches = [...groups.values()].flatMap((group) => packed(group, limits));
  return (await Promise.all(batches.map((batch) => withinBytes(batch, limits, cut)))).flat();
}

/** Between two frames, else within the one. undefined when it can't be made smaller. */
export async function smaller(batch: Batch, cut: Cut): Promise<Batch[] | undefined> {
  if (batch.bytes <= MIN_SPLIT_BYTES) return undefined;
  const halves = batch.byFrames();
  if (halves !== undefined) return halves;
  const pieces = await cut(batch.parts[0]!, batch.bytes - 1);
  return pieces.length > 1 ? pieces.map((piece) => new Batch([piece])) : undefined;
}

function packed(parts: readonly Part[], limits: BatchLimits): Batch[] {
  const batches: Batch[] = [];
  let from = 0;
  let bytes = 0;
  let items = 0;
  for (const [index, part] of parts.entries()) {
    bytes += part.payload.length;
    items += part.items;
    if (index === from || (bytes <= limits.maxRequestBytes && items <= limits.maxRequestItems)) continue;
    batches.push(new Batch(parts.slice(from, index)));
    from = index;
    bytes = part.payload.length;
    items = part.items;
  }
  return parts.length === 0 ? [] : [...batches, new Batch(parts.slice(from))];
}

/** What is too large is one part: parts are put together only as far as they fit. */
async function withinBytes(batch: Batch, { maxRequestBytes }: BatchLimits, cut: Cut): Promise<Batch[]> {
  if (batch.bytes <= maxRequestBytes) return [batch];
  return (await cut(batch.parts[0]!, maxRequestBytes)).map((piece) => new Batch([piece]));
}
