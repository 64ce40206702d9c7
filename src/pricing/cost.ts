/** What a usage costs at given rates, in whole picodollars, and how that comes about. */
import { type Cost, type Price, TOKEN_TYPES, type TokenType, type Usage } from '../model/generation.js';
import { readRate } from './decimal.js';

/** Picodollars per token. */
export type TokenRates = { readonly [type in TokenType]?: bigint };

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

/**
 * undefined without any token, where tokens have no rate (which is not zero), and beyond what a signed 64-bit integer
 * holds, which is nine million dollars.
 */
export function sumOf(usage: Usage, rates: TokenRates): bigint | undefined {
  const tokens = apportion(usage);
  let sum: bigint | undefined;
  for (const type of TOKEN_TYPES) {
    if (tokens[type] === 0) continue;
    const rate = rates[type] ?? rates[WHOLES[type]];
    if (rate === undefined) return undefined;
    sum = (sum ?? 0n) + BigInt(tokens[type]) * rate;
  }
  return sum !== undefined && sum > MAX_PICODOLLARS ? undefined : sum;
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

export function tokenRatesOf(rates: Price['rates']): TokenRates {
  const found: { [type in TokenType]?: bigint } = {};
  for (const type of TOKEN_TYPES) {
    const rate = rates[type] === undefined ? undefined : readRate(rates[type]);
    if (rate !== undefined) found[type] = rate;
  }
  return found;
}
