/**
 * Tells which signal a protobuf payload is of by its looks. The three requests use the same field numbers down to the
 * items, so a payload sent to the wrong path often decodes, as items without ids or values.
 */
import type { Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { readFields, type WireField } from './locate.js';

const LACKS: Record<Signal, string> = {
  traces: 'no span has a trace id and a span id',
  logs: 'nothing in it is a log record',
  metrics: 'no metric has data points',
};

/** `seems`: what it looks like, when that is known. `cause`: what is wrong with it as a payload of `signal`. */
export function misdirected(signal: Signal, seems: Signal | undefined, cause?: Error): GatewayError {
  const looks = seems === undefined ? 'a logs or metrics payload' : `a ${seems} payload`;
  const advice = seems === undefined ? '' : `; send it to /v1/${seems}, or to the Export method for ${seems}`;
  const message = `this looks like ${looks}, but was sent as ${signal} (${cause?.message ?? LACKS[signal]})${advice}`;
  return new GatewayError('INVALID_PAYLOAD', message);
}

const ITEMS_LOOKED_AT = 16;

/** The signal that the first items look like; undefined when they look like none, or like several. */
export function guessSignal(body: Uint8Array): Signal | undefined {
  const seen = new Set<Signal>();
  for (const item of firstItems(body)) {
    const signal = signalOf([...readFields(body, item.from, item.stop)]);
    if (signal !== undefined) seen.add(signal);
  }
  const [only] = seen;
  return seen.size === 1 ? only : undefined;
}

function firstItems(body: Uint8Array): WireField[] {
  const items: WireField[] = [];
  for (const resource of readFields(body, 0, body.length)) {
    if (resource.number !== 1 || resource.wireType !== 2) continue;
    for (const scope of readFields(body, resource.from, resource.stop)) {
      if (scope.number !== 2 || scope.wireType !== 2) continue;
      for (const item of readFields(body, scope.from, scope.stop)) {
        if (item.number === 2 && item.wireType === 2) items.push(item);
        if (items.length === ITEMS_LOOKED_AT) return items;
      }
    }
  }
  return items;
}

function signalOf(fields: WireField[]): Signal | undefined {
  const has = (number: number, wireType: number, length?: number) =>
    fields.some(
      (field) =>
        field.number === number &&
        field.wireType === wireType &&
        (length === undefined || field.stop - field.from === length),
    );
  if (has(1, 2, 16) && has(2, 2, 8)) return 'traces';
  if (has(7, 1) || has(8, 1)) return 'traces';
  if (has(1, 1) || has(11, 1) || (has(2, 0) && has(5, 2))) return 'logs';
  if (has(1, 2) && [5, 7, 9, 10, 11].some((number) => has(number, 2))) return 'metrics';
  return has(5, 2) && !has(1, 2) ? 'logs' : undefined;
}
