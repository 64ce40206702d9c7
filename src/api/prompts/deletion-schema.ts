import { z } from 'zod';
import { promptParameters } from './schema.js';

export const promptVersionParameters = z.object({
  ...promptParameters.shape,
  version: z.string().meta({ examples: ['1.0.0'] }),
});

export const restoredPromptSchema = z
  .object({ name: z.string(), versions: z.array(z.string()).describe('Those that are served again') })
  .meta({ id: 'RestoredPrompt' });
