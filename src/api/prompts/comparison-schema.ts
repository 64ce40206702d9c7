import { z } from 'zod';

const side = (description: string) => z.string().min(1).max(128).optional().meta({ description });

export const comparePromptsQuery = z.object({
  from: side('A version or a label; the version before `to` when absent'),
  to: side('A version or a label; the highest release when absent'),
});

const memberChangeSchema = z.object({
  key: z.string(),
  from: z.unknown().optional().describe('Absent: there was none'),
  to: z.unknown().optional().describe('Absent: there is none any more'),
});

export const promptComparisonSchema = z
  .object({
    name: z.string(),
    from: z.string(),
    to: z.string(),
    text: z.string().nullable().describe('Unified diff of all the text; null for more than 250,000 characters'),
    messages: z.array(
      z.object({
        change: z.enum(['same', 'changed', 'added', 'removed']),
        from_index: z.int().nullable(),
        to_index: z.int().nullable(),
        diff: z.string().nullable().describe('Unified diff of the content; null when that is the same'),
        members: z.array(memberChangeSchema).describe('Of what else the message has: role, name, …'),
      }),
    ),
    model_config: z.array(memberChangeSchema),
    variables: z.array(memberChangeSchema),
    tags: z.object({ added: z.array(z.string()), removed: z.array(z.string()) }),
  })
  .meta({ id: 'PromptComparison' });
