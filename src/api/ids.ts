/** Trace and span ids in paths and queries. */
import { z } from 'zod';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** 32 hex digits in any case, or the same 16 bytes written as a UUID. */
export function traceIdParameter() {
  return z
    .string()
    .refine((text) => /^[0-9a-f]{32}$/i.test(text) || UUID.test(text), 'must be 32 hex digits or a UUID')
    .transform((text) => Buffer.from(text.replaceAll('-', ''), 'hex'))
    .meta({
      description: '32 hex digits, or the same 16 bytes as a UUID',
      examples: ['5b8efff798038103d269b633813fc60c'],
    });
}

export function spanIdParameter() {
  return z
    .string()
    .regex(/^[0-9a-f]{16}$/i, 'must be 16 hex digits')
    .transform((text) => Buffer.from(text, 'hex'))
    .meta({ description: '16 hex digits', examples: ['eee19b7ec3c1b174'] });
}
