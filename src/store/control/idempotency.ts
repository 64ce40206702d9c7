/** Requests under a key of their client's, and what they were answered: in the transaction of what they change. */
import { type Kysely, sql } from 'kysely';
import { GatewayError } from '../../errors.js';
import type { ControlSchema } from './schema.js';

export interface IdempotentRequest {
  workspace: string;
  key: string;
  /** Equal for equal requests. */
  fingerprint: string;
}

export interface IdempotencyKeys {
  /**
   * In a transaction, as its first statement: the answer that this request was given before, undefined when it is the first
   * (or the one before is older than a day). Whoever else comes with the key waits for the end of the transaction.
   * Throws IDEMPOTENCY_KEY_REUSED when it belongs to another request.
   */
  hold(request: IdempotentRequest, nowUnixMs: number): Promise<string | undefined>;
  /** Of the request that holds the key. */
  answer(request: IdempotentRequest, answer: string): Promise<void>;
  /** As `hold`, and waits for nobody. */
  find(request: IdempotentRequest, nowUnixMs: number): Promise<string | undefined>;
  /** Drops what is older than a day. */
  forget(nowUnixMs: number): Promise<void>;
  /** Drops those of a workspace that is deleted: of the next one by its name, no request was answered before. */
  forgetWorkspace(workspace: string): Promise<void>;
}

const KEPT_MS = 86_400_000;

interface Held {
  fingerprint: string;
  answer: string | null;
  created_time_unix_ms: number;
}

export function createIdempotencyKeys(db: Kysely<ControlSchema>): IdempotencyKeys {
  return {
    async hold(request, nowUnixMs) {
      const held = await take(db, request, nowUnixMs);
      if (held.answer !== null && isKept(held, nowUnixMs)) return answerOf(held, request);
      await renew(db, request, nowUnixMs);
      return undefined;
    },
    async answer({ workspace, key }, answer) {
      const update = db.updateTable('control_idempotency_keys').set({ answer });
      await update.where('workspace_id', '=', workspace).where('key', '=', key).execute();
    },
    async find(request, nowUnixMs) {
      const rows = db.selectFrom('control_idempotency_keys').select(['fingerprint', 'answer', 'created_time_unix_ms']);
      const own = rows.where('workspace_id', '=', request.workspace).where('key', '=', request.key);
      const held = await own.executeTakeFirst();
      return held && isKept(held, nowUnixMs) ? answerOf(held, request) : undefined;
    },
    async forget(nowUnixMs) {
      await db
        .deleteFrom('control_idempotency_keys')
        .where('created_time_unix_ms', '<=', nowUnixMs - KEPT_MS)
        .execute();
    },
    async forgetWorkspace(workspace) {
      await db.deleteFrom('control_idempotency_keys').where('workspace_id', '=', workspace).execute();
    },
  };
}

function isKept(held: Held, nowUnixMs: number): boolean {
  return held.created_time_unix_ms > nowUnixMs - KEPT_MS;
}

function answerOf(held: Held, { fingerprint }: IdempotentRequest): string | undefined {
  if (held.fingerprint === fingerprint) return held.answer ?? undefined;
  throw new GatewayError('IDEMPOTENCY_KEY_REUSED', 'Idempotency-Key was used for another request');
}

/** The write takes the row's lock until the transaction ends: a row that others see has its answer. */
function take(db: Kysely<ControlSchema>, request: IdempotentRequest, nowUnixMs: number): Promise<Held> {
  const { workspace, key, fingerprint } = request;
  const row = { workspace_id: workspace, key, fingerprint, answer: null, created_time_unix_ms: nowUnixMs };
  const unchanged = sql<string>`control_idempotency_keys.fingerprint`;
  return db
    .insertInto('control_idempotency_keys')
    .values(row)
    .onConflict((conflict) => conflict.columns(['workspace_id', 'key']).doUpdateSet({ fingerprint: unchanged }))
    .returning(['fingerprint', 'answer', 'created_time_unix_ms'])
    .executeTakeFirstOrThrow();
}

async function renew(db: Kysely<ControlSchema>, request: IdempotentRequest, nowUnixMs: number): Promise<void> {
  const { workspace, key, fingerprint } = request;
  const update = db
    .updateTable('control_idempotency_keys')
    .set({ fingerprint, answer: null, created_time_unix_ms: nowUnixMs });
  await update.where('workspace_id', '=', workspace).where('key', '=', key).execute();
}
