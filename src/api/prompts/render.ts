import type { z } from 'zod';
import type { Registry } from '../../registry/registry.js';
import type { AssignedVariant, Part } from '../../registry/resolved.js';
import type { PromptVersion } from '../../store/control/prompt-version.js';
import type { createdPromptSchema, partSchema, promptDetailSchema, promptVersionSchema } from './schema.js';

/** Where it is, as far as the driver has files and commits. */
export function renderPlace(registry: Registry, version: PromptVersion): z.infer<typeof createdPromptSchema> {
  const file = registry.pathOf(version);
  return {
    name: version.name,
    version_tag: version.version,
    ...(file !== undefined && { fs_path: file }),
    ...(version.commitSha !== undefined && { commit_sha: version.commitSha }),
    created_at: version.createdAt,
    ...(version.status === 'pending' && { status: version.status }),
  };
}

export function renderPart({ name, version, label }: Part): z.infer<typeof partSchema> {
  return { name, version_tag: version, label: label ?? null };
}

/** A row as clients know it: with members that are always null. */
export function renderVersion(version: PromptVersion): z.infer<typeof promptVersionSchema> {
  return {
    id: version.id,
    name: version.name,
    version_tag: version.version,
    commit_sha: version.commitSha ?? null,
    fs_path: null,
    driver: version.driver,
    created_at: version.createdAt,
    author: version.author ?? null,
    workspace_id: version.workspace,
    status: 'active',
    active_version_id: null,
    message: version.message ?? null,
    tags: [...version.tags],
  };
}

export function renderVariant({ label, version, by }: AssignedVariant): z.infer<typeof promptDetailSchema>['variant'] {
  return { label, version_tag: version, assigned_by: by };
}
