import { z } from 'zod';
import { promptSchema } from '../../registry/prompt.js';
import { offsetPageSchema, offsetParameters } from '../offset-page.js';

export const createPromptBody = promptSchema;

export const promptParameters = z.object({ name: z.string().meta({ examples: ['welcome'] }) });

export const listVersionsQuery = z.object(offsetParameters);

/** Read by `variablesOf`: a schema of all these would take as long as rendering. */
const variables = z
  .unknown()
  .optional()
  .meta({
    description: 'variables[name]=value: with any of them, the messages are rendered',
    type: 'object',
    additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    style: 'deepObject',
    explode: true,
  });

export const unitField = z
  .string()
  .min(1)
  .max(512)
  .optional()
  .meta({
    description:
      'Who asks (a user, a session): of a label that stands for several versions, it gets the same one each time. Without ' +
      'it, the one with the largest share',
  });

export const getPromptQuery = z.object({
  version: z
    .string()
    .optional()
    .meta({ description: 'Exactly this version; the highest release when absent, or `latest`' }),
  label: z.string().optional().meta({ description: 'The version that this label stands for' }),
  unit: unitField,
  render: z
    .string()
    .optional()
    .meta({ description: '`false` leaves the placeholders, whatever is sent; what is included is put in' }),
  compose: z.string().optional().meta({
    description: '`false`: as it was written, nothing is put in and nothing rendered, also when a part of it is gone',
  }),
  wait: z.coerce.number().min(0).max(60).default(0).meta({
    description: 'With If-None-Match: seconds for which the answer may wait until it is another',
  }),
  variables,
});

export const renderPromptBody = z.object({
  version: z.string().optional().meta({ description: 'Exactly this version; the highest release when absent' }),
  label: z.string().optional().meta({ description: 'The version that this label stands for' }),
  unit: unitField,
  variables: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description: 'Values of any type; those that are declared must be of their type' }),
});

const seconds = z.int().describe('Unix seconds');

const where = {
  fs_path: z.string().optional().describe('Absolute path of the file on the server (filesystem driver)'),
  commit_sha: z.string().optional().describe('Of the commit that brought it (drivers with Git)'),
};

export const createdPromptSchema = z
  .object({
    name: z.string(),
    version_tag: z.string(),
    ...where,
    created_at: seconds,
    status: z
      .enum(['pending'])
      .optional()
      .describe("The content store can't be written to now (github driver): served once it has been, later"),
  })
  .meta({ id: 'CreatedPrompt' });

export const partSchema = z.object({
  name: z.string(),
  version_tag: z.string(),
  label: z.string().nullable().describe('By which it is included; null when it is by its version'),
});

export const promptDetailSchema = z
  .object({
    content: z
      .looseObject({})
      .describe(
        'The prompt with the prompts that it includes in their places, its messages rendered when variables were sent',
      ),
    version: z.object({ name: z.string(), version_tag: z.string(), ...where, created_at: seconds }),
    variant: z
      .object({
        label: z.string(),
        version_tag: z.string(),
        assigned_by: z.enum(['unit', 'largest']).describe('`largest`: no unit was named'),
      })
      .optional()
      .describe('Only of a label that stands for several versions: which of them this is'),
    parts: z.array(partSchema).optional().describe('The prompts that it includes, directly or not, as they stand now'),
  })
  .meta({ id: 'PromptDetail' });

export const promptPageSchema = offsetPageSchema(z.object({ name: z.string() }));

export const promptVersionSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    version_tag: z.string(),
    commit_sha: z.string().nullable(),
    fs_path: z.null(),
    driver: z.string(),
    created_at: seconds,
    author: z.string().nullable(),
    workspace_id: z.string(),
    status: z.enum(['active']),
    active_version_id: z.null(),
    message: z.string().nullable().describe('Of the commit'),
    tags: z.array(z.string()),
  })
  .meta({ id: 'PromptVersion' });

export const promptVersionPageSchema = offsetPageSchema(promptVersionSchema);
