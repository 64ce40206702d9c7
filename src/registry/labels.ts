/** Who may move a label where, and what is told of it. */
import { auditEntry, type MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import { GatewayError } from '../errors.js';
import type { LabelProposal } from '../store/control/label-proposals.js';
import {
  isSameTarget,
  type Label,
  type LabelKey,
  type LabelTarget,
  type Mover,
  type Share,
} from '../store/control/labels.js';
import type { ControlStore, Repositories } from '../store/control/store.js';
import { checkLabelled, type Resolve } from './composition.js';
import { LATEST } from './selector.js';
import { heaviest } from './split.js';
import { isVersion } from './version.js';

export interface LabelInput {
  promptName: string;
  name: string;
  /** The youngest version when there is none, and no split. */
  version?: string | undefined;
  /** Several versions, with a share each. */
  split?: readonly Share[] | undefined;
  reason?: string | undefined;
  /** Whether the label stands where its mover believes it does; moved whatever it is when there is none. */
  expects?: ((label: Label | undefined) => boolean) | undefined;
}

export interface ProposalInput extends Omit<LabelInput, 'expects'> {
  /** Take the label away. */
  remove?: boolean | undefined;
}

export interface ProposalKey {
  promptName: string;
  name: string;
  id: number;
}

interface Actor {
  principal: Principal;
  context: MutationContext;
}

type Expects = (from: LabelTarget | undefined) => boolean;

interface Move {
  key: LabelKey;
  to: LabelTarget | undefined;
  mover: Mover;
  /** Of the deed, for the audit log. */
  action: string;
  details?: Record<string, unknown>;
}

export class LabelWriter {
  constructor(
    private readonly control: ControlStore,
    private readonly resolve: Resolve,
  ) {}

  /**
   * Throws NOT_FOUND (`Prompt not found`), BAD_REQUEST for a version that there is not, FORBIDDEN, PRECONDITION_FAILED,
   * and VALIDATION_FAILED where the label would stand for what can't be put together.
   */
  async set(input: LabelInput, principal: Principal, context: MutationContext): Promise<Label> {
    const key = labelKeyOf(principal, input);
    requireMovable(key);
    const to = await targetFor(this.control, key, input);
    await requireAllowed(this.control, key, principal);
    await this.requireWhole(key, to);
    return this.control.transaction(async (repositories) => {
      await requireAllowed(repositories, key, principal);
      const before = input.expects && (await repositories.labels.get(key));
      const expects: Expects | undefined =
        input.expects && ((from) => isSameTarget(from, before) && input.expects!(before));
      const move = { key, to, mover: moverOf(principal, input.reason), action: 'label:create' };
      await carryOut(repositories, { principal, context }, move, expects);
      return (await repositories.labels.get(key))!;
    });
  }

  /** Throws NOT_FOUND (`Label not found`), FORBIDDEN. */
  delete(input: Pick<LabelInput, 'promptName' | 'name' | 'reason'>, principal: Principal, context: MutationContext) {
    const key = labelKeyOf(principal, input);
    return this.control.transaction(async (repositories) => {
      await requireAllowed(repositories, key, principal);
      const move = { key, to: undefined, mover: moverOf(principal, input.reason), action: 'label:delete' };
      await carryOut(repositories, { principal, context }, move);
    });
  }

  /** Throws NOT_FOUND (`Prompt not found`, `Label not found` for one to be removed), BAD_REQUEST, VALIDATION_FAILED as `set`. */
  async propose(input: ProposalInput, principal: Principal, context: MutationContext): Promise<LabelProposal> {
    const key = labelKeyOf(principal, input);
    requireMovable(key);
    const to = input.remove === true ? undefined : await targetFor(this.control, key, input);
    if (to) await this.requireWhole(key, to);
    return this.control.transaction(async (repositories) => {
      const from = await repositories.labels.get(key);
      if (!to && !from) throw notFound('Label');
      const { by, movedAt: createdAt } = moverOf(principal, undefined);
      const proposal = { ...key, from, to, reason: input.reason, by, byKeyId: principal.keyId, createdAt };
      const added = await repositories.labelProposals.add(proposal);
      await tell(repositories, { principal, context }, key, 'label:propose', { proposal: added.id, ...ends(from, to) });
      return added;
    });
  }

  /**
   * Carries it out. Throws NOT_FOUND, FORBIDDEN to who has proposed it, CONFLICT when it is decided already, and
   * PRECONDITION_FAILED when the label has been moved since it was proposed; VALIDATION_FAILED as `set`.
   */
  async approve(input: ProposalKey, principal: Principal, context: MutationContext): Promise<LabelProposal> {
    const key = labelKeyOf(principal, input);
    const { status, to } = await found(this.control, key, input.id);
    if (status === 'open' && to) await this.requireWhole(key, to);
    return this.control.transaction(async (repositories) => {
      const { labelProposals } = repositories;
      const proposal = await found(repositories, key, input.id);
      if (isOwn(proposal, principal)) throw new GatewayError('FORBIDDEN', 'Somebody else has to approve a proposal');
      const { movedAt: decidedAt } = moverOf(principal, undefined);
      const decided = await labelProposals.decide(key, input.id, { status: 'approved', by: principal.name, decidedAt });
      if (!decided) throw alreadyDecided();
      const mover = { by: proposal.by, approvedBy: principal.name, reason: proposal.reason, movedAt: decidedAt };
      const move = { key, to: proposal.to, mover, action: 'label:approve', details: { proposal: input.id } };
      await carryOut(repositories, { principal, context }, move, (from) => isSameTarget(from, proposal.from));
      return found(repositories, key, input.id);
    });
  }

  /** Throws NOT_FOUND, CONFLICT, and FORBIDDEN to who is neither an admin nor has proposed it. */
  reject(input: ProposalKey, principal: Principal, context: MutationContext): Promise<LabelProposal> {
    const key = labelKeyOf(principal, input);
    return this.control.transaction(async (repositories) => {
      const proposal = await found(repositories, key, input.id);
      if (!principal.scopes.has('admin') && !isOwn(proposal, principal)) {
        throw new GatewayError('FORBIDDEN', 'Only an admin may reject what somebody else has proposed');
      }
      const { by, movedAt: decidedAt } = moverOf(principal, undefined);
      const decided = await repositories.labelProposals.decide(key, input.id, { status: 'rejected', by, decidedAt });
      if (!decided) throw alreadyDecided();
      await tell(repositories, { principal, context }, key, 'label:reject', { proposal: input.id });
      return found(repositories, key, input.id);
    });
  }

  /** Nobody but admins moves labels of that name any more. Again is no fault. */
  protect(name: string, principal: Principal, context: MutationContext): Promise<void> {
    const { workspace } = principal;
    return this.control.transaction(async ({ workspaces, protectedLabels, auditLogs }) => {
      await workspaces.ensure(workspace);
      const { by, movedAt: createdAt } = moverOf(principal, undefined);
      if (!(await protectedLabels.add(workspace, { name, by, createdAt }))) return;
      await auditLogs.append(auditEntry(principal, context, { workspace, action: 'label:protect', targetId: name }));
    });
  }

  /** Throws NOT_FOUND (`Protected label not found`). */
  unprotect(name: string, principal: Principal, context: MutationContext): Promise<void> {
    const { workspace } = principal;
    return this.control.transaction(async ({ protectedLabels, auditLogs }) => {
      if (!(await protectedLabels.remove(workspace, name))) throw notFound('Protected label');
      await auditLogs.append(auditEntry(principal, context, { workspace, action: 'label:unprotect', targetId: name }));
    });
  }

  /**
   * Outside of the transaction, which waits for the database alone. Two who move two labels at once may close a cycle that
   * neither of them sees: who asks for the prompt is shown it, as one that comes by a commit.
   */
  private async requireWhole(key: LabelKey, target: LabelTarget): Promise<void> {
    try {
      await checkLabelled(this.resolve, key, target);
    } catch (error) {
      // A version that is gone is told below, in the words that clients know. And to go back to what is in use
      // elsewhere must be possible while the content store is away.
      if (!(error instanceof GatewayError && (error.code === 'NOT_FOUND' || error.retryable))) throw error;
    }
  }
}

function notFound(what: string): GatewayError {
  return new GatewayError('NOT_FOUND', `${what} not found`);
}

function alreadyDecided(): GatewayError {
  return new GatewayError('CONFLICT', 'The proposal is decided already');
}

function labelKeyOf({ workspace }: Principal, { promptName, name }: Pick<LabelKey, 'promptName' | 'name'>): LabelKey {
  return { workspace, promptName, name };
}

function moverOf({ name }: Principal, reason: string | undefined): Mover {
  return { by: name, reason, movedAt: Math.floor(Date.now() / 1000) };
}

function requireMovable({ name }: LabelKey): void {
  if (name === LATEST) throw new GatewayError('BAD_REQUEST', `The label ${LATEST} is kept by the server`);
}

async function requireAllowed(
  { protectedLabels }: Repositories,
  { workspace, name }: LabelKey,
  { scopes }: Principal,
): Promise<void> {
  if (scopes.has('admin') || !(await protectedLabels.has(workspace, name))) return;
  throw new GatewayError(
    'FORBIDDEN',
    `The label ${name} is protected: it takes the scope admin, or an approved proposal`,
  );
}

/** Callers without a key are one and the same person. */
function isOwn({ byKeyId }: LabelProposal, { keyId }: Principal): boolean {
  return byKeyId === keyId;
}

async function found({ labelProposals }: Repositories, key: LabelKey, id: number): Promise<LabelProposal> {
  const proposal = await labelProposals.get(key, id);
  if (!proposal) throw notFound('Proposal');
  return proposal;
}

/** Throws NOT_FOUND for a label to be removed that there is not, PRECONDITION_FAILED: then nothing of it has happened. */
async function carryOut(
  repositories: Repositories,
  actor: Actor,
  { key, to, mover, action, details = {} }: Move,
  expects?: Expects,
): Promise<void> {
  const { labels, changes } = repositories;
  if (to) await holdVersions(repositories, key, to);
  const from = to ? await labels.set(key, to, mover) : await labels.delete(key, mover);
  if (!to && !from) throw notFound('Label');
  if (expects && !expects(from)) throw movedMeanwhile(from);
  await changes.announce({ topic: 'prompts', workspace: key.workspace, name: key.promptName });
  await tell(repositories, actor, key, action, { ...details, ...ends(from, to) }, to?.version);
}

/** From here on nobody deletes them; one that was deleted since it was proposed is found out. */
async function holdVersions({ prompts }: Repositories, key: LabelKey, target: LabelTarget): Promise<void> {
  const { workspace, promptName: name } = key;
  const versions = target.split?.map((share) => share.version) ?? [target.version];
  // In one order, whoever comes: two who hold what the other one waits for would wait forever.
  for (const version of versions.toSorted()) {
    if (!(await prompts.hold({ workspace, name, version }))) throw noSuchVersion(name, version);
  }
}

function noSuchVersion(name: string, version: string): GatewayError {
  const details = { prompt_name: name, version_tag: version };
  return new GatewayError('BAD_REQUEST', 'Version not found for this prompt', { details });
}

function movedMeanwhile(target: LabelTarget | undefined): GatewayError {
  const details = { version_tag: target?.version ?? null };
  return new GatewayError('PRECONDITION_FAILED', 'The label does not stand where it was expected', { details });
}

/** A version alone as clients know it; of several, which and how much of each. */
function endOf(target: LabelTarget | undefined) {
  return target?.split ?? target?.version ?? null;
}

function ends(from: LabelTarget | undefined, to: LabelTarget | undefined) {
  return { from: endOf(from), to: endOf(to) };
}

async function tell(
  { auditLogs }: Repositories,
  { principal, context }: Actor,
  { workspace, promptName, name }: LabelKey,
  action: string,
  details: Record<string, unknown>,
  versionTag?: string,
): Promise<void> {
  const told = { workspace, action, promptName, targetId: promptName, details: { label: name, ...details } };
  await auditLogs.append(auditEntry(principal, context, { ...told, ...(versionTag !== undefined && { versionTag }) }));
}

/** Where the label is to stand, in the words that clients know when it can't. */
async function targetFor(
  { prompts }: Repositories,
  { workspace, promptName: name }: LabelKey,
  { version, split }: Pick<LabelInput, 'version' | 'split'>,
): Promise<LabelTarget> {
  const newest = await prompts.newest(workspace, name);
  if (!newest) throw notFound('Prompt');
  if (version === undefined && split === undefined) return { version: newest.version };
  const shares = split ?? [{ version: version!, weight: 1 }];
  for (const share of shares) {
    if (isVersion(share.version) && (await prompts.active({ workspace, name, version: share.version }))) continue;
    throw noSuchVersion(name, share.version);
  }
  const heavy = heaviest(shares).version;
  return shares.length === 1 ? { version: heavy } : { version: heavy, split: shares };
}
