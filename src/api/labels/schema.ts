import { z } from 'zod';
import { offsetPageSchema, offsetParameters } from '../offset-page.js';
import { SENTENCE } from '../validation.js';

const PATTERN = /^[a-zA-Z0-9_.-]+$/;
/** A path of the API: a label of that name could not be read. */
const RESERVED = 'count';

const MAX_SHARES = 20;
const MAX_WEIGHT = 1_000_000;

/** Elements are judged when they are few enough. */
const splitField = z
  .array(
    z.object({
      version_tag: z.string().min(1).max(64),
      weight: z.int().min(0).max(MAX_WEIGHT).meta({ description: 'Of the sum of all weights' }),
    }),
  )
  .min(1)
  .max(MAX_SHARES)
  .refine((shares) => new Set(shares.map(({ version_tag }) => version_tag)).size === shares.length, {
    error: 'split must name each version once',
    params: SENTENCE,
  })
  .refine((shares) => shares.some(({ weight }) => weight > 0), {
    error: 'split must have a weight above 0',
    params: SENTENCE,
  });

const versionField = z.string().min(1).max(64);
const reasonField = z.string().max(1_024);

const ONE_TARGET = {
  error: 'name a version_tag or a split, not both',
  params: SENTENCE,
};

export const setLabelBody = z
  .object({
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(PATTERN, `fails to match the required pattern: ${PATTERN}`)
      .refine((name) => name !== RESERVED, { error: `name must not be ${RESERVED}`, params: SENTENCE }),
    version_tag: versionField.optional().meta({ description: 'The youngest version when this and split are absent' }),
    split: splitField.optional().meta({ description: 'Several versions, with a share of the units each' }),
    reason: reasonField.optional().meta({ description: 'Kept in the history of the label' }),
  })
  .refine(({ version_tag, split }) => version_tag === undefined || split === undefined, ONE_TARGET);

export const proposeLabelBody = z
  .object({
    version_tag: versionField.optional().meta({ description: 'The youngest version when this and split are absent' }),
    split: splitField.optional(),
    remove: z.boolean().optional().meta({ description: 'Take the label away' }),
    reason: reasonField.optional().meta({ description: 'Kept in the history of the label when it is approved' }),
  })
  .refine(({ version_tag, split }) => version_tag === undefined || split === undefined, ONE_TARGET)
  .refine(({ version_tag, split, remove }) => remove !== true || (version_tag ?? split) === undefined, {
    error: 'a label that is removed stands for nothing',
    params: SENTENCE,
  });

export const protectLabelBody = z.object({ name: z.string().min(1).max(128).regex(PATTERN) });

export const setLabelHeaders = z.looseObject({ 'if-match': z.string().optional() });

export const labelsParameters = z.object({ name: z.string().meta({ examples: ['welcome'] }) });
export const labelParameters = z.object({
  ...labelsParameters.shape,
  label_name: z.string().meta({ examples: ['production'] }),
});

export const proposalParameters = z.object({
  ...labelParameters.shape,
  proposal_id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
});
export const protectedLabelParameters = z.object({ label_name: z.string().meta({ examples: ['production'] }) });

export const listLabelsQuery = z.object(offsetParameters);

const splitSchema = z.array(z.object({ version_tag: z.string(), weight: z.int() }));

const target = {
  prompt_name: z.string(),
  name: z.string(),
  version_tag: z.string().describe('Of a split: the version with the largest share'),
  split: splitSchema.optional().describe('Only of a label that stands for several versions'),
};
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
    from_split: splitSchema.optional().describe('Where it stood for several versions'),
    to_split: splitSchema.optional(),
    moved_by: z.string().describe('The name of the key'),
    approved_by: z.string().optional().describe('Of a proposal: who has agreed to it'),
    reason: z.string().nullable(),
    moved_at: seconds,
  })
  .meta({ id: 'LabelMove' });

export const labelMovePageSchema = offsetPageSchema(labelMoveSchema);

export const labelProposalSchema = z
  .object({
    id: z.int(),
    prompt_name: z.string(),
    name: z.string(),
    from_version: z.string().nullable().describe('Where the label stood when it was proposed; null: there was none'),
    from_split: splitSchema.optional(),
    to_version: z.string().nullable().describe('null: the label is to be removed'),
    to_split: splitSchema.optional(),
    reason: z.string().nullable(),
    status: z.enum(['open', 'approved', 'rejected']),
    proposed_by: z.string().describe('The name of the key'),
    decided_by: z.string().nullable(),
    created_at: seconds,
    decided_at: seconds.nullable(),
  })
  .meta({ id: 'LabelProposal' });

export const labelProposalPageSchema = offsetPageSchema(labelProposalSchema);

export const protectedLabelSchema = z
  .object({ name: z.string(), protected_by: z.string().describe('The name of the key'), created_at: seconds })
  .meta({ id: 'ProtectedLabel' });

export const protectedLabelPageSchema = offsetPageSchema(protectedLabelSchema);
