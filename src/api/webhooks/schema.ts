import { z } from 'zod';

/** What GitHub sends is none of our business, beyond that it has sent it. */
export const pushBody = z.looseObject({});

export const webhookSchema = z
  .object({
    message: z.enum(['Sync triggered', 'Event ignored']),
    event: z.string().optional().describe('What came, when it is no push'),
  })
  .meta({ id: 'Webhook' });

export const webhookErrorSchema = z
  .object({ error: z.string().describe('What is wrong, for people') })
  .meta({ id: 'WebhookError' });
