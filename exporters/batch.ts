/** What goes out in one request: payloads of one signal, one behind the other. */
import type { Signal } from '../src/component.js';
import { countItems, halvesOf } from './split.js';

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

/** A backend that refuses less than this for its size refuses it for something else. */
const MIN_SPLIT_BYTES = 1024;

/** A large resource stands in both halves: where it is most of the request, cutting makes more bytes, not smaller requests. */
const MAX_GROWTH = 1.5;

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

  /** Joined anew for each request, so that what waits to be tried again is in memory once. */
  payload(): Buffer {
    return this.parts.length === 1 ? this.parts[0]!.payload : Buffer.concat(this.parts.map(({ payload }) => payload));
  }

  /** Between two frames, else within the one. undefined when it can't be made smaller. */
  halves(): [Batch, Batch] | undefined {
    if (this.bytes <= MIN_SPLIT_BYTES) return undefined;
    return this.byFrames() ?? this.#withinFrame();
  }

  byFrames(): [Batch, Batch] | undefined {
    if (this.parts.length < 2) return undefined;
    const middle = Math.floor(this.parts.length / 2);
    return [new Batch(this.parts.slice(0, middle)), new Batch(this.parts.slice(middle))];
  }

  #withinFrame(): [Batch, Batch] | undefined {
    const [part] = this.parts;
    const halves = safeHalvesOf(part!.payload);
    if (halves === undefined || halves[0].length + halves[1].length > MAX_GROWTH * part!.payload.length)
      return undefined;
    const first = countItems(part!.signal, halves[0]);
    return [
      new Batch([{ ...part!, piece: `${part!.piece}0`, items: first, payload: halves[0] }]),
      new Batch([{ ...part!, piece: `${part!.piece}1`, items: part!.items - first, payload: halves[1] }]),
    ];
  }
}

/** What can't be read can't be cut: the backend says what it thinks of it as a whole. */
function safeHalvesOf(payload: Buffer): [Buffer, Buffer] | undefined {
  try {
    return halvesOf(payload);
  } catch {
    return undefined;
  }
}

/** In the order of the parts; a part that is larger than a request may be is cut where that is possible. */
export function batchesOf(parts: readonly Part[], limits: BatchLimits, groupOf: (part: Part) => string): Batch[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const group = groups.get(groupOf(part));
    if (group) group.push(part);
    else groups.set(groupOf(part), [part]);
  }
  return [...groups.values()].flatMap((group) => packed(group, limits)).flatMap((batch) => withinBytes(batch, limits));
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

function withinBytes(batch: Batch, limits: BatchLimits): Batch[] {
  if (batch.bytes <= limits.maxRequestBytes) return [batch];
  return batch.halves()?.flatMap((half) => withinBytes(half, limits)) ?? [batch];
}
