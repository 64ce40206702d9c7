import { z } from 'zod';
import { WORKSPACE_SORTS } from '../../store/control/workspaces.js';
import { pageSchema, pagingParameters } from '../paging.js';
import { sortParameter } from '../sorting.js';

const id = () =>
  z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,128}$/, 'must be 1-128 letters, digits, underscores and hyphens')
    .meta({ examples: ['acme'] });

export const createWorkspaceBody = z.object({ id: id() });

export const workspaceParameters = z.object({ id: id() });

export const workspaceFilters = z.object({
  prefix: id().optional().meta({ description: 'What the id begins with' }),
});

export const listWorkspacesQuery = z.object({
  ...pagingParameters,
  ...workspaceFilters.shape,
  sort: sortParameter(WORKSPACE_SORTS, 'id'),
});

export const workspaceSchema = z
  .object({
    id: z.string(),
    created_at: z.int().describe('Unix seconds'),
    api_keys: z.int().describe('Keys of its own that are not revoked'),
    bytes: z
      .int()
      .describe(
        'Of its telemetry, as it was received; deleting traces takes nothing from it, and keys, runs and the audit log are ' +
          'not in it',
      ),
  })
  .meta({ id: 'Workspace' });

export const workspacePageSchema = pageSchema(workspaceSchema);

const countSchema = z.object({
  total: z.int(),
  totalRelation: z.enum(['eq', 'gte']).describe('gte: there are more than were counted'),
});

export const workspaceDetailSchema = z
  .object({
    ...workspaceSchema.shape,
    traces: countSchema,
    logs: countSchema,
    metric_points: countSchema,
    runs: countSchema,
    prompts: countSchema,
  })
  .meta({ id: 'WorkspaceDetail' });
