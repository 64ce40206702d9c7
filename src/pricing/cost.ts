/** What a call costs at given rates, in whole picodollars, and how that comes about. */
import {
  BILLED_TYPES,
  type BilledType,
  type Cost,
  type Generation,
  type Price,
  type PricedType,
  TOKEN_TYPES,
  type TokenType,
} from '../model/generation.js';
import { readRate } from './decimal.js';

/** What is paid for. */
export type Paid = Pick<Generation, 'usage' | 'billed'>;

/** Picodollars of one token, one search, one request; of each part its own, or that of its whole. */
export type UnitRates = Readonly<Record<PricedType, number | undefined>>;

export interface CostLine {
  type: PricedType;
  /** Of `input` and `output`, those that are none of the parts. */
  count: number;
  /** USD per million of them, or per thousand. */
  rate: string;
  per: 1_000_000 | 1_000;
  picodollars: bigint;
}

/** What both databases hold in a column. */
const MAX_PICODOLLARS = 2n ** 63n - 1n;

const PRICED_TYPES: readonly PricedType[] = [...TOKEN_TYPES, ...BILLED_TYPES, 'requests'];

/** What a part costs that has no rate of its own. */
const WHOLES: Record<PricedType, PricedType> = {
  input: 'input',
  cacheRead: 'input',
  cacheWrite: 'input',
  cacheWrite1h: 'cacheWrite',
  cacheReadAudio: 'cacheRead',
  inputAudio: 'input',
  inputImage: 'input',
  output: 'output',
  reasoning: 'output',
  outputAudio: 'output',
  outputImage: 'output',
  webSearches: 'webSearches',
  requests: 'requests',
};

/** Priced by the thousand. A call whose list has no price of them costs what its tokens do. */
const COUNTED: ReadonlySet<PricedType> = new Set(['webSearches', 'requests']);

export function isCounted(type: PricedType): type is 'webSearches' | 'requests' {
  return COUNTED.has(type);
}

function count(tokens: number | undefined): number {
  return tokens !== undefined && Number.isSafeInteger(tokens) && tokens > 0 ? tokens : 0;
}

/** Each token once. Parts that are more than their whole are believed, and leave nothing of it. */
function apportion({ usage, billed }: Paid): Record<TokenType, number> & Partial<Record<PricedType, number>> {
  const cacheRead = count(usage.cacheRead);
  const cacheWrite = count(usage.cacheWrite);
  const inputAudio = count(usage.inputAudio);
  const reasoning = count(usage.reasoning);
  const outputAudio = count(usage.outputAudio);
  // Audio that was read from the cache is told of as both.
  const heard = Math.min(count(billed?.cacheReadAudio), cacheRead, inputAudio);
  const input = Math.max(0, count(usage.input) - cacheRead - cacheWrite - inputAudio + heard);
  const output = Math.max(0, count(usage.output) - reasoning - outputAudio);
  const heardAnew = inputAudio - heard;
  const tokens = {
    input,
    output,
    cacheRead: cacheRead - heard,
    cacheWrite,
    reasoning,
    inputAudio: heardAnew,
    outputAudio,
  };
  return billed ? { ...tokens, cacheReadAudio: heard, ...takenApart(tokens, billed) } : tokens;
}

/** What is billed at a rate of its own, and what it leaves of the tokens that it is among. */
function takenApart(tokens: Record<TokenType, number>, billed: NonNullable<Paid['billed']>) {
  const { cacheWrite1h, inputImage, outputImage, webSearches } = countsOf(billed);
  const written = Math.min(cacheWrite1h, tokens.cacheWrite);
  return {
    cacheWrite: tokens.cacheWrite - written,
    cacheWrite1h: written,
    input: Math.max(0, tokens.input - inputImage),
    inputImage,
    output: Math.max(0, tokens.output - outputImage),
    outputImage,
    webSearches,
  };
}

function countsOf(billed: NonNullable<Paid['billed']>): Record<BilledType, number> {
  return Object.fromEntries(BILLED_TYPES.map((type) => [type, count(billed[type])])) as Record<BilledType, number>;
}

/** What the doubles below can't say exactly, or no column holds: beyond nine million dollars it is undefined. */
function largeSumOf(counts: Partial<Record<PricedType, number>>, rates: UnitRates): bigint | undefined {
  let sum = BigInt(rates.requests ?? 0);
  for (const type of PRICED_TYPES) sum += BigInt(counts[type] ?? 0) * BigInt(rates[type] ?? 0);
  return sum > MAX_PICODOLLARS ? undefined : sum;
}

/** undefined without any token, where tokens have no rate (which is not zero), and beyond a signed 64-bit integer. */
export function sumOf(paid: Paid, rates: UnitRates): bigint | undefined {
  const counts = apportion(paid);
  let sum = -1;
  for (const type of paid.billed ? PRICED_TYPES : TOKEN_TYPES) {
    const amount = counts[type] ?? 0;
    if (amount === 0) continue;
    const rate = rates[type];
    if (rate !== undefined) sum = Math.max(sum, 0) + amount * rate;
    else if (!isCounted(type)) return undefined;
  }
  if (sum < 0) return undefined;
  sum += rates.requests ?? 0;
  // Below 2^53 every term was whole and exact; a fifth of the price of reckoning in BigInt, for each span.
  return sum <= Number.MAX_SAFE_INTEGER ? BigInt(sum) : largeSumOf(counts, rates);
}

/** Its own, or that of what it is a part of. */
function rateIn(rates: Price['rates'], type: PricedType): string | undefined {
  const whole = WHOLES[type];
  return rates[type] ?? (whole === type ? undefined : rateIn(rates, whole));
}

const NANODOLLARS = 1_000n;

/** Rates by the million are of picodollars each, those by the thousand of a thousand times as many. */
function picodollarsEach(type: PricedType, rate: string): bigint | undefined {
  const picodollars = readRate(rate);
  return picodollars !== undefined && isCounted(type) ? picodollars * NANODOLLARS : picodollars;
}

function lineOf(type: PricedType, amount: number, rates: Price['rates']): CostLine[] {
  const rate = rateIn(rates, type);
  const each = rate === undefined ? undefined : picodollarsEach(type, rate);
  if (amount === 0 || rate === undefined || each === undefined) return [];
  return [{ type, count: amount, rate, per: isCounted(type) ? 1_000 : 1_000_000, picodollars: BigInt(amount) * each }];
}

/** The figure line by line, of what it was computed of: the lines add up to it. */
export function linesOf({ price }: Cost, paid: Paid): CostLine[] {
  const counts = { ...apportion(paid), requests: 1 };
  return PRICED_TYPES.flatMap((type) => lineOf(type, counts[type] ?? 0, price.rates));
}

/** What was told, and is not in the figure, as the list has no price of it. */
export function unpricedOf({ price }: Cost, { billed = {} }: Paid): { type: BilledType; count: number }[] {
  return BILLED_TYPES.filter((type) => count(billed[type]) > 0 && rateIn(price.rates, type) === undefined).map(
    (type) => ({ type, count: count(billed[type]) }),
  );
}

/** What it is made of that the price has no rate of: tokens without one have no figure. */
export function ratelessOf({ rates }: Price, paid: Paid): PricedType[] {
  const counts = apportion(paid);
  return TOKEN_TYPES.filter((type) => counts[type] > 0 && rateIn(rates, type) === undefined);
}

/** A rate that a double can't say exactly (nine thousand dollars a token) is none. */
export function unitRatesOf(rates: Price['rates']): UnitRates {
  const rateOf = (type: PricedType) => {
    const text = rateIn(rates, type);
    const rate = text === undefined ? undefined : picodollarsEach(type, text);
    return rate === undefined || rate > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(rate);
  };
  return Object.fromEntries(PRICED_TYPES.map((type) => [type, rateOf(type)])) as UnitRates;
}
