/** What spans, log records and metric points have in common, as documented. */
import { z } from 'zod';

export const attributesSchema = z
  .record(z.string(), z.unknown())
  .describe('Doubles have a point, integers beyond 2^53 are {"$int":"…"}, bytes {"$bytes":"<base64>"}');

export const unixNanoSchema = z.string().regex(/^\d+$/).describe('Nanoseconds since the epoch');
export const traceIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
export const spanIdSchema = z.string().regex(/^[0-9a-f]{16}$/);
export const unixMillisSchema = z.int().describe('Milliseconds since the epoch');
export const createdAtSchema = z.int().describe('When it was received, in seconds since the epoch');
export const countSchema = z.int().min(0);

export const resourceSchema = z
  .object({
    attributes: attributesSchema,
    dropped_attributes_count: countSchema,
    schema_url: z.string(),
    entity_refs: z.array(z.unknown()),
  })
  .meta({ id: 'Resource' });

export const scopeSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    attributes: attributesSchema,
    dropped_attributes_count: countSchema,
    schema_url: z.string(),
  })
  .meta({ id: 'Scope' });

export const formatParameter = z
  .enum(['json', 'otlp'])
  .default('json')
  .meta({ description: 'otlp answers the OTLP/JSON message' });
