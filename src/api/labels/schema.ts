import { z } from 'zod';
import { offsetPageSchema, offsetParameters } from '../offset-page.js';
import { SENTENCE } from '../validation.js';

const PATTERN = /^[a-zA-Z0-9_.-]+$/;
/** A path of the API: a label of that name could not be read. */
const RESERVED = 'count';

export const setLabelBody = z.object({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(PATTERN, `fails to match the required pattern: ${PATTERN}`)
    .refine((name) => name !== RESERVED, { error: `name must not be ${RESERVED}`, params: SENTENCE }),
  version_tag: z.string().min(1).max(64).optional().meta({ description: 'The youngest version when absent' }),
  reason: z.string().max(1_024).optional().meta({ description: 'Kept in the history of the label' }),
});

export const setLabelHeaders = z.looseObject({ 'if-match': z.string().optional() });

export const labelsParameters = z.object({ name: z.string().meta({ examples: ['welcome'] }) });
export const labelParameters = z.object({
  ...labelsParameters.shape,
  label_name: z.string().meta({ examples: ['production'] }),
});

export const listLabelsQuery = z.object(offsetParameters);

const target = { prompt_name: z.string(), name: z.string(), version_tag: z.string() };
const seconds = z.int().describe('Unix seconds');

export const setLabelSchema = z.object(target);

export const labelSchema = z
  .object({
    ...target,
    created_at: seconds.describe('Unix seconds: when the label was made; moving it changes nothing'),
  })
  .meta({ id: 'Label' });

export const labelPageSchema = offsetPageSchema(labelSchema);

export const labelMoveSchema = z
  .object({
    id: z.int(),
    from_version: z.string().nullable().describe('null: the label was made'),
    to_version: z.string().nullable().describe('null: the label was removed'),
    moved_by: z.string().describe('The name of the key'),
    reason: z.string().nullable(),
    moved_at: seconds,
  })
  .meta({ id: 'LabelMove' });

export const labelMovePageSchema = offsetPageSchema(labelMoveSchema);
