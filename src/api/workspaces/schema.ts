import { z } from 'zod';

const id = () =>
  z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,128}$/, 'must be 1-128 letters, digits, underscores and hyphens')
    .meta({ examples: ['acme'] });

export const createWorkspaceBody = z.object({ id: id() });

export const workspaceParameters = z.object({ id: id() });

export const listWorkspacesQuery = z.object({
  page: z.coerce.number().int().min(1).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});

export const workspaceSchema = z
  .object({
    id: z.string(),
    created_at: z.int().describe('Unix seconds'),
    api_keys: z.int().describe('Keys of its own that are not revoked'),
  })
  .meta({ id: 'Workspace' });

export const workspacePageSchema = z.object({
  items: z.array(workspaceSchema),
  total: z.int(),
  page: z.int(),
  limit: z.int(),
  totalPages: z.int(),
});

const countSchema = z.object({
  total: z.int(),
  totalRelation: z.enum(['eq', 'gte']).describe('gte: there are more than were counted'),
});

export const workspaceDetailSchema = z
  .object({ ...workspaceSchema.shape, traces: countSchema, logs: countSchema, metric_points: countSchema })
  .meta({ id: 'WorkspaceDetail' });
