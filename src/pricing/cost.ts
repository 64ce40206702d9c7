/** What a usage costs at given rates, in whole picodollars, and how that comes about. */
import { type Cost, type Price, TOKEN_TYPES, type TokenType, type Usage } from '../model/generation.js';
import { readRate } from './decimal.js';

/** Picodollars per token, of each part: its own, or that of its whole. */
export type TokenRates = Readonly<Record<TokenType, number | undefined>>;

export interface CostLine {
  tokenType: TokenType;
  /** Of `input` and `output`, those that are none of the parts. */
  tokens: number;
  usdPerMillionTokens: string;
  picodollars: bigint;
}

/** What both databases hold in a column. */
const MAX_PICODOLLARS = 2n ** 63n - 1n;

/** What a part costs that has no rate of its own. */
const WHOLES: Record<TokenType, TokenType> = {
  input: 'input',
  cacheRead: 'input',
  cacheWrite: 'input',
  inputAudio: 'input',
  output: 'output',
  reasoning: 'output',
  outputAudio: 'output',
};

function count(tokens: number | undefined): number {
  return tokens !== undefined && Number.isSafeInteger(tokens) && tokens > 0 ? tokens : 0;
}

/** Each token once. Parts that are more than their whole are believed, and leave nothing of it. */
function apportion(usage: Usage): Record<TokenType, number> {
  const cacheRead = count(usage.cacheRead);
  const cacheWrite = count(usage.cacheWrite);
  const inputAudio = count(usage.inputAudio);
  const reasoning = count(usage.reasoning);
  const outputAudio = count(usage.outputAudio);
  const input = Math.max(0, count(usage.input) - cacheRead - cacheWrite - inputAudio);
  const output = Math.max(0, count(usage.output) - reasoning - outputAudio);
  return { input, output, cacheRead, cacheWrite, reasoning, inputAudio, outputAudio };
}

/** What the doubles below can't say exactly, or no column holds: beyond nine million dollars it is undefined. */
function largeSumOf(tokens: Record<TokenType, number>, rates: TokenRates): bigint | undefined {
  let sum = 0n;
  for (const type of TOKEN_TYPES) sum += BigInt(tokens[type]) * BigInt(rates[type] ?? 0);
  return sum > MAX_PICODOLLARS ? undefined : sum;
}

/** undefined without any token, where tokens have no rate (which is not zero), and beyond a signed 64-bit integer. */
export function sumOf(usage: Usage, rates: TokenRates): bigint | undefined {
  const tokens = apportion(usage);
  let sum = -1;
  for (const type of TOKEN_TYPES) {
    if (tokens[type] === 0) continue;
    const rate = rates[type];
    if (rate === undefined) return undefined;
    sum = Math.max(sum, 0) + tokens[type] * rate;
  }
  if (sum < 0) return undefined;
  // Below 2^53 every term was whole and exact; a fifth of the price of reckoning in BigInt, for each span.
  return sum <= Number.MAX_SAFE_INTEGER ? BigInt(sum) : largeSumOf(tokens, rates);
}

function lineOf(tokenType: TokenType, tokens: number, rates: Price['rates']): CostLine[] {
  const usdPerMillionTokens = rates[tokenType] ?? rates[WHOLES[tokenType]];
  const rate = usdPerMillionTokens === undefined ? undefined : readRate(usdPerMillionTokens);
  if (tokens === 0 || usdPerMillionTokens === undefined || rate === undefined) return [];
  return [{ tokenType, tokens, usdPerMillionTokens, picodollars: BigInt(tokens) * rate }];
}

/** The figure line by line, of the usage that it was computed of: the lines add up to it. */
export function linesOf({ price }: Cost, usage: Usage): CostLine[] {
  const tokens = apportion(usage);
  return TOKEN_TYPES.flatMap((type) => lineOf(type, tokens[type], price.rates));
}

/** A rate that a double can't say exactly (nine thousand dollars a token) is none. */
export function tokenRatesOf(rates: Price['rates']): TokenRates {
  const rateOf = (type: TokenType) => {
    const text = rates[type] ?? rates[WHOLES[type]];
    const rate = text === undefined ? undefined : readRate(text);
    return rate === undefined || rate > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(rate);
  };
  return Object.fromEntries(TOKEN_TYPES.map((type) => [type, rateOf(type)])) as TokenRates;
}
