/**
 * Building blocks for the zod schemas in which components declare their settings. A setting is a field of such a schema
 * that carries the name of its environment variable; every value arrives as text.
 */
import { z } from 'zod';
import { basicAuthorization } from './url-user.js';

export interface SettingMeta {
  /** The environment variable. */
  env: string;
  /** One line for `.env.example` and the README. */
  description: string;
  /** Printed as «(hidden)», never with its value. */
  secret?: boolean;
}

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** A number of bytes: 1048576, 64MiB, 1GiB (binary units; the `iB` may be left out). */
export function bytes() {
  return z
    .string()
    .regex(/^\d+\s*([kmg](ib)?)?$/i, 'expected a number of bytes, such as 67108864, 64MiB or 1GiB')
    .transform((text) => {
      const [, digits, unit] = /^(\d+)\s*([kmg]?)/i.exec(text)!;
      return Number(digits) * UNITS[unit!.toLowerCase()]!;
    });
}

/** A whole number within bounds. */
export function integer(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
}

/** A number within bounds, with a point or without. */
export function decimal(min: number, max: number) {
  const expected = `expected a number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
}

/** A TCP port; 0 picks a free one. */
export function port() {
  return integer(0, 65535);
}

/** Milliseconds. */
export function milliseconds(min: number, max: number) {
  return integer(min, max);
}

/** true/1/yes/on or false/0/no/off. */
export function flag() {
  return z
    .string()
    .regex(/^(true|1|yes|on|false|0|no|off)$/i, 'expected true or false')
    .transform((text) => /^(true|1|yes|on)$/i.test(text));
}

/** Items between commas, trimmed, empty ones dropped. */
export function list() {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

/** One of the given words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `expected one of: ${words.join(', ')}` });
}

/** `example`: what is told of a text that is none. */
export function httpUrl(example: string) {
  return z.string().refine((url) => /^https?:\/\/./.test(url) && URL.canParse(url), `expected ${example}`);
}

/** For a client that has another way to say who it is: it would leave a user out, and nobody would know why it is refused. */
export function namesNoUser(url: string): boolean {
  return !URL.canParse(url) || basicAuthorization(new URL(url)) === undefined;
}

/** Text that is not empty. */
export function text() {
  return z.string().min(1, 'expected some text');
}
