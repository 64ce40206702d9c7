/** Money as whole picodollars (10^-12 USD), and as the decimals that people and other programs write. */

const DIGITS = 12;
const SCALE = 10n ** BigInt(DIGITS);
/** What a column of 64 bits holds: some nine million dollars. */
export const MAX_PICODOLLARS = 2n ** 63n - 1n;

const DECIMAL = /^([+-]?)(\d{1,30})?(?:\.(\d{0,30}))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Of a decimal, with or without an exponent, in dollars; digits beyond the twelfth are cut off. undefined for what is no
 * number, is negative, or passes MAX_PICODOLLARS.
 */
export function picodollarsOf(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text.trim()) ?? [];
  if (sign === undefined || whole + fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  if (sign === '-' && digits !== 0n) return undefined;
  const shift = DIGITS - fraction.length + Number(exponent);
  const picodollars = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return picodollars > MAX_PICODOLLARS ? undefined : picodollars;
}

/** A JSON number, exact, without an exponent: 0.00021, 12, -0.5. */
export function dollarsText(picodollars: bigint): string {
  const digits = String(picodollars < 0n ? -picodollars : picodollars).padStart(DIGITS + 1, '0');
  const fraction = digits.slice(-DIGITS).replace(/0+$/, '');
  const sign = picodollars < 0n ? '-' : '';
  return `${sign}${digits.slice(0, -DIGITS)}${fraction && `.${fraction}`}`;
}

/** As a double, for what adds and compares roughly. */
export function dollars(picodollars: bigint): number {
  return Number(picodollars) / Number(SCALE);
}
