/** What changes runs. Each change, its audit row and its idempotency key are one transaction. */
import type { Deed } from '../../access/audit.js';
import type { AuditEntry } from '../../model/audit-entry.js';
import type { NativeAnswer } from '../../model/native.js';
import type { IdempotentRequest } from '../../store/control/idempotency.js';
import type { NewRun, Run, RunChanges } from '../../store/control/runs.js';
import type { ControlStore, Repositories } from '../../store/control/store.js';
import { requireFound } from '../paging.js';
import { renderCreated } from './render.js';

export interface RunRequest {
  workspace: string;
  audit(deed: Omit<Deed, 'workspace'>): AuditEntry;
  idempotency: { key: string; fingerprint: string } | undefined;
}

type Idempotent = IdempotentRequest | undefined;

function idempotentOf({ workspace, idempotency }: RunRequest): Idempotent {
  return idempotency && { workspace, ...idempotency };
}

function replay(body: string): NativeAnswer {
  return { status: 201, body, replayed: true };
}

/** What the request was answered before. Throws IDEMPOTENCY_KEY_REUSED. */
export async function answeredBefore(control: ControlStore, request: RunRequest): Promise<NativeAnswer | undefined> {
  const held = idempotentOf(request);
  const known = held && (await control.idempotencyKeys.find(held, Date.now()));
  return known === undefined ? undefined : replay(known);
}

/** Throws CONFLICT (`Run already exists`), IDEMPOTENCY_KEY_REUSED. */
export function createRun(control: ControlStore, request: RunRequest, run: NewRun): Promise<NativeAnswer> {
  const held = idempotentOf(request);
  return control.transaction(async (repositories) => {
    const { idempotencyKeys, runs, auditLogs } = repositories;
    const now = Date.now();
    const known = held && (await idempotencyKeys.hold(held, now));
    if (known !== undefined) return replay(known);
    const made = await runs.create(run, now);
    const body = renderCreated(made);
    if (held) await idempotencyKeys.answer(held, body);
    await auditLogs.append(request.audit({ action: 'run:create', targetId: made.runId.text }));
    return { status: 201, body, replayed: false };
  });
}

/** Throws NOT_FOUND (`Run not found`). */
export function updateRun(control: ControlStore, request: RunRequest, hex: string, changes: RunChanges): Promise<Run> {
  return change(control, request, 'run:update', ({ runs }) => runs.update(request.workspace, hex, changes, Date.now()));
}

/** Throws NOT_FOUND (`Run not found`). */
export function deleteRun(control: ControlStore, request: RunRequest, hex: string): Promise<Run> {
  return change(control, request, 'delete_run', ({ runs }) => runs.delete(request.workspace, hex));
}

function change(
  control: ControlStore,
  request: RunRequest,
  action: string,
  work: (repositories: Repositories) => Promise<Run | undefined>,
): Promise<Run> {
  return control.transaction(async (repositories) => {
    const run = requireFound(await work(repositories), 'Run');
    await repositories.auditLogs.append(request.audit({ action, targetId: run.runId.text }));
    return run;
  });
}
