/** What changes runs. Each change, its audit row and its idempotency key are one transaction. */
import type { NativeAnswer, NativeRequest } from '../../model/native.js';
import type { IdempotentRequest } from '../../store/control/idempotency.js';
import type { NewRun, Run, RunChanges } from '../../store/control/runs.js';
import type { ControlStore, Repositories } from '../../store/control/store.js';
import { requireFound } from '../paging.js';
import { renderCreated, renderUpdated } from '../run-text.js';

type Idempotent = IdempotentRequest | undefined;

function idempotentOf({ workspace, idempotency }: NativeRequest): Idempotent {
  return idempotency && { workspace, ...idempotency };
}

/** What the request was answered before. Throws IDEMPOTENCY_KEY_REUSED. */
export async function answeredBefore(control: ControlStore, request: NativeRequest): Promise<NativeAnswer | undefined> {
  const held = idempotentOf(request);
  const known = held && (await control.idempotencyKeys.find(held, Date.now()));
  return known === undefined ? undefined : { status: CREATE.status, body: known, replayed: true };
}

/** What a kind of change is called in the audit log, and answered: under a key only the body is kept. */
interface Kind {
  action: string;
  status: number;
  render(run: Run): string;
}

const CREATE: Kind = { action: 'run:create', status: 201, render: renderCreated };
const UPDATE: Kind = { action: 'run:update', status: 200, render: renderUpdated };
const DELETE: Kind = { action: 'delete_run', status: 204, render: () => '' };

/** Throws CONFLICT (`Run already exists`), IDEMPOTENCY_KEY_REUSED. */
export function createRun(control: ControlStore, request: NativeRequest, run: NewRun): Promise<NativeAnswer> {
  return change(control, request, CREATE, ({ runs }, now) => runs.create(run, now));
}

/** Throws NOT_FOUND (`Run not found`), IDEMPOTENCY_KEY_REUSED. */
export function updateRun(
  control: ControlStore,
  request: NativeRequest,
  hex: string,
  changes: RunChanges,
): Promise<NativeAnswer> {
  return change(control, request, UPDATE, ({ runs }, now) => runs.update(request.workspace, hex, changes, now));
}

/** Throws NOT_FOUND (`Run not found`), IDEMPOTENCY_KEY_REUSED. */
export function deleteRun(control: ControlStore, request: NativeRequest, hex: string): Promise<NativeAnswer> {
  return change(control, request, DELETE, ({ runs }) => runs.delete(request.workspace, hex));
}

function change(
  control: ControlStore,
  request: NativeRequest,
  { action, status, render }: Kind,
  work: (repositories: Repositories, nowUnixMs: number) => Promise<Run | undefined>,
): Promise<NativeAnswer> {
  const held = idempotentOf(request);
  return control.transaction(async (repositories) => {
    const { idempotencyKeys, auditLogs } = repositories;
    const now = Date.now();
    const known = held && (await idempotencyKeys.hold(held, now));
    if (known !== undefined) return { status, body: known, replayed: true };
    const run = requireFound(await work(repositories, now), 'Run');
    const body = render(run);
    if (held) await idempotencyKeys.answer(held, body);
    await auditLogs.append(request.audit({ action, targetId: run.runId.text }));
    return { status, body, replayed: false };
  });
}
