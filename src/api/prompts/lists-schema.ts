import { z } from 'zod';
import { offsetParameters } from '../offset-page.js';
import { timeParameter } from '../time.js';

const text = (description: string) => z.string().min(1).max(256).optional().meta({ description });

/** What narrows a list, apart from paging: its `/count` takes the same. */
const filters = {
  prefix: text('The folder it is in: `support` has `support/welcome` and `support/eu/welcome`'),
  label: text('A label that the prompt has'),
  tag: text('Of one of its versions, as all that follows, which has to be true of the same one'),
  author: text('Who wrote the version'),
  driver: text('What keeps the content of the version: filesystem, github, s3, …'),
  status: z.enum(['active', 'pending', 'deleted']).optional().meta({
    description: 'pending: its content is not written yet; deleted: it can be restored. active when absent',
  }),
  from: timeParameter('Versions that were made not before').optional(),
  to: timeParameter('Versions that were made before').optional(),
};

const namePart = z.string().optional().meta({ description: 'Part of the name, in any case; at most 256 characters' });
const words = z
  .string()
  .optional()
  .meta({
    description:
      'Part of the name, in any case, or beginnings of words: all of them in the name, the tags or the text of a version ' +
      '(the first 50,000 characters of it); at most 256 characters',
  });

export const countPromptsQuery = z.object({ q: namePart, ...filters });
export const listPromptsQuery = z.object({ ...offsetParameters, ...countPromptsQuery.shape });
export const searchPromptsQuery = z.object({ ...listPromptsQuery.shape, q: words });
