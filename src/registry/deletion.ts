/**
 * Prompts that are taken out of sight, and brought back. Their content stays where it is: what was once published can
 * be looked up by its commit.
 */
import { auditEntry, type MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import { GatewayError } from '../errors.js';
import type { Label } from '../store/control/labels.js';
import type { ControlStore, Repositories } from '../store/control/store.js';

export interface DeletionTarget {
  name: string;
  /** All of them when there is none. */
  version?: string | undefined;
}

interface Deed {
  action: 'delete_prompt' | 'restore_prompt';
  principal: Principal;
  context: MutationContext;
}

/** Labels of one prompt that are told of, and versions in the audit log. */
const MAX_TOLD = 100;

/**
 * Answers the versions. Throws NOT_FOUND (`Prompt not found`, `Version not found`), and CONFLICT while labels stand for
 * what is to be deleted.
 */
export function deletePrompt(
  control: ControlStore,
  target: DeletionTarget,
  principal: Principal,
  context: MutationContext,
): Promise<string[]> {
  return control.transaction(async (repositories) => {
    const { workspace } = principal;
    const versions = await repositories.prompts.hide({ workspace, ...target });
    if (versions.length === 0) throw await notFound(repositories, workspace, target);
    // Behind the change, which whoever moves a label has to wait for: none comes to stand for it unseen.
    await requireNoLabel(repositories, workspace, target.name, new Set(versions));
    await tell(repositories, { action: 'delete_prompt', principal, context }, target, versions);
    return versions;
  });
}

/** Answers the versions. Throws NOT_FOUND when nothing of it is deleted. */
export function restorePrompt(
  control: ControlStore,
  target: DeletionTarget,
  principal: Principal,
  context: MutationContext,
): Promise<string[]> {
  return control.transaction(async (repositories) => {
    const versions = await repositories.prompts.restore({ workspace: principal.workspace, ...target });
    if (versions.length === 0) {
      throw new GatewayError('NOT_FOUND', `Deleted ${target.version === undefined ? 'prompt' : 'version'} not found`);
    }
    await tell(repositories, { action: 'restore_prompt', principal, context }, target, versions);
    return versions;
  });
}

async function notFound({ prompts }: Repositories, workspace: string, target: DeletionTarget): Promise<GatewayError> {
  const isThere = target.version !== undefined && (await prompts.exists(workspace, target.name));
  return new GatewayError('NOT_FOUND', `${isThere ? 'Version' : 'Prompt'} not found`);
}

function versionsOf({ version, split }: Label): string[] {
  return split?.map((share) => share.version) ?? [version];
}

async function requireNoLabel(
  { labels }: Repositories,
  workspace: string,
  promptName: string,
  versions: ReadonlySet<string>,
): Promise<void> {
  const { total } = await labels.list(workspace, promptName, { limit: 1, offset: 0 });
  const { items } = await labels.list(workspace, promptName, { limit: total + 1, offset: 0 });
  const standing = items.filter((label) => versionsOf(label).some((version) => versions.has(version)));
  if (standing.length === 0) return;
  const named = standing.slice(0, MAX_TOLD).map(({ name, version }) => ({ name, version_tag: version }));
  const told = named.map(({ name, version_tag }) => `${name} (${version_tag})`).join(', ');
  throw new GatewayError('CONFLICT', `Labels stand for it: ${told}`, { details: { labels: named } });
}

async function tell(
  { changes, auditLogs }: Repositories,
  { action, principal, context }: Deed,
  { name, version }: DeletionTarget,
  versions: readonly string[],
): Promise<void> {
  const { workspace } = principal;
  await changes.announce({ topic: 'prompts', workspace, name });
  const details = { versions: versions.slice(0, MAX_TOLD), total: versions.length };
  const deed = { workspace, action, promptName: name, targetId: name, versionTag: version, details };
  await auditLogs.append(auditEntry(principal, context, deed));
}
