/** Fields of the native telemetry bodies, each with the limits and messages that clients of this API know. */
import { z } from 'zod';
import { spanIdHex, traceIdHex } from '../model/native-ids.js';
import { SENTENCE } from './validation.js';

export const MAX_METADATA_KEYS = 50;
/** What OTLP's nanoseconds hold in the store's signed 64 bits: up to the year 2262. */
const MAX_UNIX_MS = 9_223_372_036_854;

const NUMERIC = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** A number may come as text. */
function numberOf(given: unknown): unknown {
  return typeof given === 'string' && NUMERIC.test(given.trim()) ? Number(given) : given;
}

export function textField(maxCharacters: number) {
  return z.string().min(1).max(maxCharacters);
}

export function countField() {
  return z.preprocess(numberOf, z.number().int().min(0));
}

export function amountField() {
  return z.preprocess(numberOf, z.number().min(0));
}

export function unixMillisField(description: string) {
  return z
    .preprocess(numberOf, z.number().int().min(0).max(MAX_UNIX_MS))
    .meta({ description: `${description}, in milliseconds since the epoch` });
}

export function guidField(description: string) {
  return z
    .string()
    .refine((text) => traceIdHex(text) !== undefined, 'must be a valid GUID')
    .meta({ description: `${description}: a GUID in any spelling, or 32 hex digits` });
}

/** A GUID is known as one before it is hashed, which the door does. */
const isSpanId = (text: string) => (text.length === 16 ? spanIdHex(text) : traceIdHex(text)) !== undefined;

export function spanIdField(description: string) {
  return z
    .string()
    .refine(isSpanId, 'must be a valid GUID')
    .meta({ description: `${description}: a GUID in any spelling, or 16 hex digits` });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Kept as it is: a copy would lose keys such as __proto__. */
export function objectField() {
  return z.custom<Record<string, unknown>>(isObject, 'must be of type object').meta({ type: 'object' });
}

export function metadataField() {
  const maxKeys = `metadata cannot contain more than ${MAX_METADATA_KEYS} keys`;
  return z
    .custom<Record<string, unknown>>()
    .superRefine((value: unknown, context) => {
      if (!isObject(value)) context.addIssue({ code: 'custom', message: 'must be of type object' });
      else if (Object.keys(value).length > MAX_METADATA_KEYS) {
        context.addIssue({ code: 'custom', message: maxKeys, params: SENTENCE });
      }
    })
    .meta({ type: 'object', maxProperties: MAX_METADATA_KEYS });
}

/** A string, or JSON Schema as an object. */
export function formatField() {
  const isFormat = (value: unknown) => isObject(value) || (typeof value === 'string' && value !== '');
  return z
    .custom<string | Record<string, unknown>>(isFormat, 'must be one of [string, object]')
    .meta({ type: ['string', 'object'] });
}

function textOfScalar(given: unknown): unknown {
  return typeof given === 'number' || typeof given === 'boolean' ? String(given) : given;
}

/** Error codes come as text, as numbers, or as whatever a provider has. */
export function scalarField(maxCharacters: number) {
  return z.preprocess(textOfScalar, z.string().min(1).max(maxCharacters));
}

/** Of HTTP, or 0 from clients that got no answer. */
export function statusCodeField() {
  return z.preprocess(numberOf, z.number().int().min(0).max(999));
}
