/**
 * Rates are USD per million tokens. As whole picodollars (10^-12 USD) per token they are what adds up exactly: 1 USD per
 * million tokens is 1,000,000 picodollars per token, so six decimals of a rate are all that it can have.
 */
export const RATE_DECIMALS = 6;
const SCALE = 10n ** BigInt(RATE_DECIMALS);

const DECIMAL = /^(\d{0,30})(?:\.(\d{0,30}))?(?:e([+-]?\d{1,2}))?$/i;

interface Decimal {
  digits: bigint;
  /** How many of the digits stand behind the point; negative: zeros that follow them. */
  decimals: number;
}

function readDecimal(text: string): Decimal | undefined {
  const [found, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (found === undefined || whole + fraction === '') return undefined;
  return { digits: BigInt(whole + fraction), decimals: fraction.length - Number(exponent) };
}

/** To the nearest, and of two that are as near to the even one, so that many roundings don't lean to one side. */
function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  if (twice < divisor || (twice === divisor && quotient % 2n === 0n)) return quotient;
  return quotient + 1n;
}

/**
 * Picodollars per token of a rate in USD per million tokens: '2.5', 0.075, '1e-3'. A seventh decimal and what follows
 * (a third of a cent, the residue of a double) is rounded half to even. undefined for what is no number from 0.
 */
export function readRate(rate: string | number): bigint | undefined {
  const decimal = readDecimal(String(rate));
  if (!decimal) return undefined;
  const excess = decimal.decimals - RATE_DECIMALS;
  if (excess <= 0) return decimal.digits * 10n ** BigInt(-excess);
  return divideHalfEven(decimal.digits, 10n ** BigInt(excess));
}

/** Whether the rate is what it says to the last digit: none would be rounded away. */
export function isExactRate(rate: string | number): boolean {
  const decimal = readDecimal(String(rate));
  if (!decimal) return false;
  const excess = decimal.decimals - RATE_DECIMALS;
  return excess <= 0 || decimal.digits % 10n ** BigInt(excess) === 0n;
}

/** The shortest decimal of it: '2.5', '0.075', '0'. */
export function writeRate(picodollarsPerToken: bigint): string {
  const fraction = (picodollarsPerToken % SCALE).toString().padStart(RATE_DECIMALS, '0').replace(/0+$/, '');
  const whole = (picodollarsPerToken / SCALE).toString();
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
