/** The span of time that a request tells of, straight from the wire. */
import type { Signal } from '../../src/component.js';
import { eachField } from '../../src/otlp/decode-resource.js';
import { closeWire, openWire, view } from '../../src/otlp/wire.js';
import { FIXED_64, LENGTH_DELIMITED } from '../../src/otlp/wire-types.js';

export interface Times {
  minUnixNano: bigint;
  maxUnixNano: bigint;
}

interface Place {
  /** Field numbers that lead to an item, from the request inwards. */
  path: readonly (readonly number[])[];
  /** Its fields that are times. */
  times: readonly number[];
}

/** ResourceSpans in a request, ScopeSpans in it, Span in that; the other signals number them alike. */
const ITEMS = [[1], [2], [2]];

const PLACES: Record<Signal, Place> = {
  // start_time_unix_nano, end_time_unix_nano
  traces: { path: ITEMS, times: [7, 8] },
  // time_unix_nano, observed_time_unix_nano
  logs: { path: ITEMS, times: [1, 11] },
  // Gauge, Sum, Histogram, ExponentialHistogram and Summary, and time_unix_nano of a point of them.
  metrics: { path: [...ITEMS, [5, 7, 9, 10, 11], [1]], times: [3] },
};

/** Undefined when nothing in it has a time. Throws a WireError for what is no protobuf. */
export function timesOf(signal: Signal, payload: Uint8Array): Times | undefined {
  const found = new Span();
  openWire(payload);
  try {
    visit(0, payload.length, 0, PLACES[signal], found);
    return found.times;
  } finally {
    closeWire();
  }
}

function visit(from: number, stop: number, level: number, { path, times }: Place, found: Span): void {
  const inner = path[level];
  eachField(from, stop, (tag, start, end) => {
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (inner === undefined) {
      if (wireType === FIXED_64 && times.includes(number)) found.add(view.getBigUint64(start, true));
    } else if (wireType === LENGTH_DELIMITED && inner.includes(number)) {
      visit(start, end, level + 1, { path, times }, found);
    }
  });
}

class Span {
  times: Times | undefined;

  /** 0 is no time. */
  add(time: bigint): void {
    if (time === 0n) return;
    this.times ??= { minUnixNano: time, maxUnixNano: time };
    if (time < this.times.minUnixNano) this.times.minUnixNano = time;
    if (time > this.times.maxUnixNano) this.times.maxUnixNano = time;
  }
}
