/**
 * An OTLP request without some of its spans or log records, cut on its bytes: what is left stands as it came, with
 * everything around it. Resources and scopes of which nothing is left go too. The payload is one that the receivers' check
 * let through, or that was made here: a WireError is a defect.
 */
import type { Signal } from '../src/component.js';
import { closeWire, next, openWire, readStop, readTag, skip } from '../src/otlp/wire.js';
import { LENGTH_DELIMITED } from '../src/otlp/wire-types.js';
import { wrap } from './wire-fields.js';

/** The repeated field to look into, from the request inwards: ResourceSpans in a request, ScopeSpans in it, Span in that. */
const LEVELS = [1, 2, 2];
const TRACE_ID_BYTES = 16;
/** Where a Span, or a LogRecord, has its trace id. */
const TRACE_ID_FIELDS = { traces: 1, logs: 9 } as const;

/** Where in the payload the item's trace id stands; undefined for an item without a usable one. */
export type IsKept = (traceIdAt: number | undefined) => boolean;

export interface KeptItems {
  payload: Buffer;
  items: number;
}

class Cutter {
  items = 0;
  /** Items that were left out. */
  cut = 0;

  constructor(
    private readonly payload: Buffer,
    private readonly traceIdField: number,
    private readonly isKept: IsKept,
  ) {}

  /** What is left of a message; undefined when it had items and has none any more. */
  message(from: number, stop: number, level: number): Uint8Array[] | undefined {
    const pieces: Uint8Array[] = [];
    const [items, cut] = [this.items, this.cut];
    let kept = from;
    for (let at = from; at < stop; ) {
      const tag = readTag(at, stop);
      const content = next;
      const isList = tag === LEVELS[level]! * 8 + LENGTH_DELIMITED;
      const end = (tag & 7) === LENGTH_DELIMITED ? readStop(content, stop) : skip(tag, content, stop);
      const left = isList ? this.element(next, end, level) : undefined;
      if (left !== undefined) {
        pieces.push(this.payload.subarray(kept, at));
        // One by one: a call takes some 100,000 arguments, and a large message has more pieces.
        for (const piece of left) pieces.push(piece);
        kept = end;
      }
      at = end;
    }
    if (this.cut > cut && this.items === items) return undefined;
    pieces.push(this.payload.subarray(kept, stop));
    return pieces;
  }

  /** What stands in the place of an element; undefined when it stays as it is. */
  private element(from: number, stop: number, level: number): Uint8Array[] | undefined {
    if (level === LEVELS.length - 1) return this.item(from, stop) ? undefined : [];
    const before = this.cut;
    const left = this.message(from, stop, level + 1);
    if (this.cut === before) return undefined;
    return left === undefined ? [] : wrap(LEVELS[level]!, left);
  }

  private item(from: number, stop: number): boolean {
    const kept = this.isKept(this.traceIdOf(from, stop));
    if (kept) this.items += 1;
    else this.cut += 1;
    return kept;
  }

  /** The last one counts, as protobuf has it. */
  private traceIdOf(from: number, stop: number): number | undefined {
    let found: number | undefined;
    for (let at = from; at < stop; ) {
      const tag = readTag(at, stop);
      const content = next;
      const isText = (tag & 7) === LENGTH_DELIMITED;
      const end = isText ? readStop(content, stop) : skip(tag, content, stop);
      if (isText && tag >>> 3 === this.traceIdField) found = end - next === TRACE_ID_BYTES ? next : undefined;
      at = end;
    }
    return found;
  }
}

/** The same payload when all of it is kept; undefined when nothing is. Not reentrant. */
export function keepItems(signal: Exclude<Signal, 'metrics'>, payload: Buffer, isKept: IsKept): KeptItems | undefined {
  const cutter = new Cutter(payload, TRACE_ID_FIELDS[signal], isKept);
  openWire(payload);
  try {
    const pieces = cutter.message(0, payload.length, 0);
    if (pieces === undefined || cutter.items === 0) return undefined;
    return { payload: cutter.cut === 0 ? payload : Buffer.concat(pieces), items: cutter.items };
  } finally {
    closeWire();
  }
}
