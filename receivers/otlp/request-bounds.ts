/**
 * How much one request may hold, whatever its size in bytes. The store writer decodes a request as a whole, and two bytes
 * can be a log record of hundreds in memory: 64 MiB of them, 64 KiB on the wire, would take the writer's thread down.
 * Refused while they are counted, so that the event loop doesn't walk over the rest either.
 */
import { GatewayError } from '../../src/errors.js';

/** 64 bytes each in a request of 64 MiB: a span, log record or data point that says something is larger. */
export const MAX_ITEMS = 1_000_000;
/** Items, events, links, attributes, their values …: 4 bytes each in 64 MiB, where an attribute takes 9. */
export const MAX_MESSAGES = 2 ** 24;

export function tooManyItems(): GatewayError {
  return new GatewayError(
    'PAYLOAD_TOO_LARGE',
    `The request holds more than ${MAX_ITEMS} spans, log records or data points: send fewer at a time`,
  );
}

export function tooManyMessages(): GatewayError {
  return new GatewayError(
    'PAYLOAD_TOO_LARGE',
    `The request holds more than ${MAX_MESSAGES} items, events, attributes and values: send fewer at a time`,
  );
}
