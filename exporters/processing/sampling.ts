/**
 * Head sampling by trace id, as OpenTelemetry's consistent probability sampling has it (specification, trace/
 * tracestate-probability-sampling): 56 bits of randomness, from `ot=rv:` of the tracestate or else the last 7 bytes of the
 * trace id, against a threshold. Whoever samples so, with the same percentage, keeps the same traces.
 */
import { bytes } from '../../src/otlp/wire.js';
import { type Edit, edited } from '../wire-fields.js';
import { messagesAt, textAt } from './attribute.js';
import { type Item, LOG, SPAN } from './item.js';
import type { SampleStep } from './steps.js';

const BITS = 56n;
const DIGITS = 14;
const TRACE_ID_BYTES = 16;

/** How far from 1 or 0 it is: hex digits that carry nothing. */
function emptyDigits(fraction: number): number {
  return fraction <= 0 ? 0 : Math.floor(-(Math.floor(Math.log2(fraction)) + 1) / 4);
}

/** 14 hex digits, of which so many matter, as the Collector rounds them (pkg/sampling). undefined: nothing is kept. */
export function thresholdOf(percentage: number, precision: number): string | undefined {
  const fraction = percentage / 100;
  if (fraction <= 0) return undefined;
  const digits = Math.min(DIGITS, precision + Math.max(0, emptyDigits(fraction), emptyDigits(1 - fraction)));
  const exact = (1n << BITS) - BigInt(Math.round(fraction * 2 ** 56));
  const shift = BigInt(4 * (DIGITS - digits));
  const rounded = shift === 0n ? exact : ((exact + (1n << (shift - 1n))) >> shift) << shift;
  return rounded >> BITS === 0n ? rounded.toString(16).padStart(DIGITS, '0') : undefined;
}

/** Values of `ot=` in a tracestate, by their keys. */
function otelValues(traceState: string): Map<string, string> {
  const members = traceState.split(',').map((member) => member.trim());
  const own = members.find((member) => member.startsWith('ot='))?.slice('ot='.length) ?? '';
  const pairs = own.split(';').filter((pair) => pair.includes(':'));
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]));
}

function withThreshold(traceState: string, threshold: string): string {
  const values = otelValues(traceState).set('th', threshold.replace(/0+$/, '') || '0');
  const own = [...values].map(([key, value]) => `${key}:${value}`).join(';');
  const others = traceState.split(',').filter((member) => !member.trim().startsWith('ot='));
  return [`ot=${own}`, ...others].join(',');
}

const RANDOM_VALUE = /^[0-9a-f]{14}$/;
const THRESHOLD = /^[0-9a-f]{1,14}$/;

/** undefined where there is none: an item without a trace stays. */
function randomnessOf(item: Item, otel: ReadonlyMap<string, string>): string | undefined {
  const explicit = otel.get('rv');
  if (explicit !== undefined && RANDOM_VALUE.test(explicit)) return explicit;
  const number = item.signal === 'traces' ? SPAN.traceId : LOG.traceId;
  const place = messagesAt(item.fields, number).at(-1);
  if (place === undefined || place.stop - place.content !== TRACE_ID_BYTES) return undefined;
  return bytes.toString('hex', place.stop - DIGITS / 2, place.stop);
}

const NO_STATE: ReadonlyMap<string, string> = new Map();

/** A span that says what it was sampled with says so rightly afterwards; one that says nothing stays byte for byte. */
export function compileSampling({ percentage, precision }: SampleStep): (item: Item) => Edit {
  const threshold = thresholdOf(percentage, precision);
  return (item) => {
    const traceState = item.signal === 'traces' ? textAt(item.fields, SPAN.traceState) : '';
    const otel = traceState === '' ? NO_STATE : otelValues(traceState);
    const randomness = randomnessOf(item, otel);
    if (randomness === undefined) return 'same';
    if (threshold === undefined || randomness < threshold) return 'gone';
    const before = otel.get('th');
    if (before === undefined || !THRESHOLD.test(before) || before.padEnd(DIGITS, '0') >= threshold) return 'same';
    return withState(item, withThreshold(traceState, threshold));
  };
}

function withState({ fields }: Item, traceState: string): Edit {
  const places = messagesAt(fields, SPAN.traceState);
  return edited(fields, (field) => {
    if (!places.includes(field)) return 'same';
    return field === places.at(-1) ? [Buffer.from(traceState)] : 'gone';
  });
}
