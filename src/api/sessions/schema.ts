import { z } from 'zod';
import { pageSchema, pagingParameters } from '../paging.js';
import { countSchema, traceIdSchema, unixMillisSchema } from '../telemetry-schema.js';
import { timeParameter } from '../time.js';
import { sumsShape } from '../usage-schema.js';

const times = {
  from: timeParameter('Last active not before').optional(),
  to: timeParameter('Last active before').optional(),
};

export const listUsersQuery = z.object({ ...pagingParameters, ...times });
export const listSessionsQuery = z.object({
  ...pagingParameters,
  ...times,
  user_id: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({ description: 'Sessions that this user took part in', examples: ['u-3'] }),
});

/** As SDKs send it: any text. */
const idParameter = (whose: string) =>
  z.object({
    id: z
      .string()
      .min(1)
      .max(512)
      .meta({ description: `${whose}, percent-encoded`, examples: ['s-17'] }),
  });
export const sessionParameters = idParameter('The session as spans name it');
export const userParameters = idParameter('The user as spans name them');

const shape = {
  id: z.string(),
  first_time: unixMillisSchema,
  last_time: unixMillisSchema,
  traces: countSchema,
  ...sumsShape,
};

export const sessionSchema = z
  .object({ ...shape, user_ids: z.array(z.string()).describe('At most 20') })
  .meta({ id: 'Session' });
export const userSchema = z.object({ ...shape, sessions: countSchema }).meta({ id: 'User' });

export const MAX_TRACE_IDS = 1000;

export const oneSessionSchema = z
  .object({
    ...sessionSchema.shape,
    trace_ids: z.array(traceIdSchema).describe(`Newest first, the latest ${MAX_TRACE_IDS}`),
  })
  .meta({ id: 'SessionWithTraces' });

export const sessionPageSchema = pageSchema(sessionSchema);
export const userPageSchema = pageSchema(userSchema);
