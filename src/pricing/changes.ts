/** What changes a workspace's own prices. Each change and its audit row are one transaction. */
import { auditEntry, type MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import { GatewayError } from '../errors.js';
import type { OwnPrice, PriceKey, Rates } from '../store/control/prices.js';
import type { NewRepricing, Repricing } from '../store/control/repricings.js';
import type { ControlStore, Repositories } from '../store/control/store.js';

/** All of all workspaces are in the memory of each writer thread. */
export const MAX_PRICES = 1_000;
/** They are worked on one after another. */
export const MAX_RUNNING_REPRICINGS = 10;
/** Of those that have ended, as many are still listed. */
const KEPT_REPRICINGS = 1_000;

type Control = Pick<ControlStore, 'transaction'>;

interface Deed {
  action: string;
  workspace: string;
  id: number;
  details: Readonly<Record<string, unknown>>;
}

function record(
  { auditLogs }: Repositories,
  principal: Principal,
  context: MutationContext,
  { id, ...deed }: Deed,
): Promise<void> {
  return auditLogs.append(auditEntry(principal, context, { ...deed, targetId: String(id) }));
}

function detailsOf({ pattern, provider, serviceTier, validFromUnixMs }: PriceKey) {
  return { model_pattern: pattern, provider, service_tier: serviceTier, valid_from_unix_ms: validFromUnixMs };
}

async function requireRoom({ prices }: Repositories, workspace: string): Promise<void> {
  const { total } = await prices.count({ workspace });
  if (total < MAX_PRICES) return;
  throw new GatewayError(
    'CONFLICT',
    `Workspace ${workspace} has ${MAX_PRICES} prices, which is as many as it can have`,
  );
}

/** Throws CONFLICT when there are as many as there can be. */
export async function putPrice(
  control: Control,
  principal: Principal,
  { key, rates }: { key: PriceKey; rates: Rates },
  context: MutationContext,
): Promise<{ price: OwnPrice; isNew: boolean }> {
  const { workspace } = key;
  return control.transaction(async (repositories) => {
    const before = await repositories.prices.find(key);
    if (!before) await requireRoom(repositories, workspace);
    const price = await repositories.prices.put(key, rates, Date.now());
    if (before?.revision === price.revision) return { price, isNew: false };
    await repositories.changes.announce({ topic: 'prices', workspace });
    const details = { ...detailsOf(key), rates, revision: price.revision, before: before?.rates ?? null };
    await record(repositories, principal, context, { action: 'price:set', workspace, id: price.id, details });
    return { price, isNew: !before };
  });
}

/** Throws NOT_FOUND. */
export async function deletePrice(
  control: Control,
  principal: Principal,
  target: PriceKey | { workspace: string; id: number },
  context: MutationContext,
): Promise<void> {
  const { workspace } = target;
  await control.transaction(async (repositories) => {
    const { prices, changes } = repositories;
    const price = 'id' in target ? await prices.get(workspace, target.id) : await prices.find(target);
    if (!price || !(await prices.remove(workspace, price.id))) throw new GatewayError('NOT_FOUND', 'Price not found');
    await changes.announce({ topic: 'prices', workspace });
    const details = { ...detailsOf(price), rates: price.rates };
    await record(repositories, principal, context, { action: 'price:delete', workspace, id: price.id, details });
  });
}

/** Throws CONFLICT while too many wait for their turn. */
export async function startRepricing(
  control: Control,
  principal: Principal,
  range: NewRepricing,
  context: MutationContext,
): Promise<Repricing> {
  const { workspace, fromUnixMs, toUnixMs } = range;
  return control.transaction(async (repositories) => {
    const { repricings, changes } = repositories;
    const { total } = await repricings.count({ workspace, status: 'running' });
    if (total >= MAX_RUNNING_REPRICINGS) throw new GatewayError('CONFLICT', `${total} repricings are running already`);
    await repricings.forgetEnded(workspace, KEPT_REPRICINGS);
    const job = await repricings.create(range, Date.now());
    await changes.announce({ topic: 'repricings', workspace });
    const details = { from_unix_ms: fromUnixMs, to_unix_ms: toUnixMs };
    await record(repositories, principal, context, { action: 'price:reprice', workspace, id: job.id, details });
    return job;
  });
}
