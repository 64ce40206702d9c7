import type { PricedCall } from '../../src/pricing/price-book.js';
import type { OwnPrice } from '../../src/store/control/prices.js';

export const DAY_MS = 86_400_000;

/** When the tests' calls begin. */
export const NOW_UNIX_MS = Date.UTC(2026, 9, 5, 12, 30);

export function nanos(unixMs: number): bigint {
  return BigInt(unixMs) * 1_000_000n;
}

export function callOf(call: Partial<PricedCall> & { atUnixMs?: number } = {}): PricedCall {
  const { atUnixMs = NOW_UNIX_MS, ...rest } = call;
  return {
    provider: 'openai',
    requestModel: 'gpt-4o',
    responseModel: '',
    serviceTier: '',
    usage: { input: 1000, output: 100 },
    billed: undefined,
    startTimeUnixNano: nanos(atUnixMs),
    ...rest,
  };
}

let made = 0;

export function ownPrice(price: Partial<OwnPrice> = {}): OwnPrice {
  return {
    id: ++made,
    revision: 1,
    workspace: 'default',
    pattern: 'gpt-4o',
    provider: '',
    serviceTier: '',
    validFromUnixMs: 0,
    rates: { input: '1', output: '2' },
    createdTimeUnixMs: 0,
    updatedTimeUnixMs: 0,
    ...price,
  };
}
