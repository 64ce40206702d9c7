import { z } from 'zod';
import { pageSchema, pagingParameters } from '../paging.js';
import { timeParameter } from '../time.js';

const filters = {
  from: timeParameter('Not before').optional(),
  to: timeParameter('Before').optional(),
  action: z.string().min(1).optional(),
  key: z.string().min(1).optional().meta({ description: 'The id or the name of the key; digits are an id' }),
  target: z.string().min(1).optional().meta({ description: 'target_id, exactly' }),
};

export const auditFilterQuery = z.object(filters);

export const listAuditLogsQuery = z.object({
  ...pagingParameters,
  order: z.enum(['asc', 'desc']).optional().meta({ description: 'By time; newest first when it is absent' }),
  ...filters,
  format: z
    .enum(['json', 'ndjson'])
    .optional()
    .meta({ description: 'ndjson: all that match, oldest first, one JSON object a line; as with Accept' }),
});

export const auditLogSchema = z
  .object({
    id: z.int(),
    action: z.string(),
    prompt_name: z.string().nullable(),
    version_tag: z.string().nullable(),
    api_key_name: z.string(),
    ip_address: z.string().nullable(),
    timestamp: z.int().describe('Unix seconds: when it happened'),
    workspace_id: z.string(),
    target_id: z.string().nullable(),
    api_key_id: z.int().nullable().describe('null for a caller without a key'),
    request_id: z.string().nullable(),
    time: z.int().describe('Unix milliseconds: when it happened'),
    details: z.record(z.string(), z.unknown()),
    sequence: z.int().describe('1, 2, 3, … in its workspace, without a gap'),
    prev_hash: z.string(),
    hash: z.string().describe('Of this row and the hash before it'),
  })
  .meta({ id: 'AuditLog' });

export const auditLogPageSchema = pageSchema(auditLogSchema);

export const verificationSchema = z
  .object({
    ok: z.boolean(),
    checked: z.int().describe('Rows that were read and found right'),
    head: z
      .object({ sequence: z.int(), hash: z.string() })
      .describe('The end of the chain: kept elsewhere, it also tells of a chain that was made anew in whole'),
    first_bad_id: z.int().nullable().describe('null when all is right, or when rows at the end are missing'),
    first_bad_sequence: z.int().nullable(),
    reason: z.enum(['changed', 'missing']).nullable(),
  })
  .meta({ id: 'AuditVerification' });
