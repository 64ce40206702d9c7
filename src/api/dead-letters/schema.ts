import { z } from 'zod';
import { SIGNALS } from '../../component.js';
import { offsetPageSchema, offsetParameters } from '../offset-page.js';
import { timeParameter } from '../time.js';

/** `<first 8 digits of the buffer's id>-<sequence>`, with the exporter, and the piece of the frame, where there are such. */
export const deadLetterParameters = z.object({
  id: z.string().regex(/^[0-9a-f]{8}-\d{1,16}(-[a-z][a-z0-9_]*(\.[01]+)?)?$/, 'must be the id of a dead letter'),
});

export const deadLetterFilters = z.object({
  signal: z.enum(SIGNALS).optional(),
  workspace_id: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Leaves out requests that were damaged on disk, which name no workspace' }),
  from: timeParameter('Not set aside before').optional(),
  to: timeParameter('Set aside before').optional(),
});

export const listDeadLettersQuery = z.object({
  ...deadLetterFilters.shape,
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By the time they were set aside' }),
  ...offsetParameters,
});

export const deadLetterSchema = z
  .object({
    id: z.string(),
    reason: z
      .string()
      .describe('Why the request could not be decoded or stored; of an exporter, the words of its backend'),
    exporter: z.string().nullable().describe('The exporter whose backend refused it; null when it could not be stored'),
    signal: z.enum(['traces', 'logs', 'metrics']).nullable().describe('null: damaged on disk, its head is lost'),
    encoding: z.enum(['protobuf', 'json']).nullable(),
    items: z.int().nullable(),
    payload_bytes: z.int(),
    received_at: z.int().nullable().describe('Unix seconds'),
    created_at: z.int().describe('Unix seconds: when it was set aside'),
  })
  .meta({ id: 'DeadLetter' });

export const deadLetterPageSchema = offsetPageSchema(deadLetterSchema);

export const replayedSchema = z.object({
  id: z.string(),
  sequence: z.int().describe('Its new place in the buffer'),
});
