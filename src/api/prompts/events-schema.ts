import { z } from 'zod';
import { unitField } from './schema.js';

export const promptEventsParameters = z.object({ name: z.string().meta({ examples: ['welcome'] }) });

export const promptEventsQuery = z.object({
  label: z
    .string()
    .optional()
    .meta({ description: 'Tells what this label stands for; the highest release when absent' }),
  unit: unitField,
});

export const promptEventsHeaders = z.looseObject({
  'last-event-id': z
    .string()
    .optional()
    .meta({ description: 'The id of the last event that was seen: nothing is told again while it is still so' }),
});

/** The data of one event. */
export const promptEventSchema = z
  .object({
    name: z.string(),
    label: z.string().nullable(),
    id: z.int().nullable().describe('Of the version, as in the list of versions; null when there is none any more'),
    version: z.string().nullable(),
    etag: z.string().nullable().describe('Of the answer to a GET with the same label and without variables'),
  })
  .meta({ id: 'PromptEvent' });
