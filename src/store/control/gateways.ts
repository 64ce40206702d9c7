/** Numbers of gateways: a few bits of every id that a gateway makes, so that no two make the same. */
import type { Kysely } from 'kysely';
import { GatewayError } from '../../errors.js';
import { createInstallation } from './installation.js';
import type { ControlSchema } from './schema.js';

/** 6 bits. */
export const MAX_GATEWAYS = 64;
/** A gateway tells more often than this that it is there. */
export const GATEWAY_FORGOTTEN_AFTER_MS = 3_600_000;

export interface Gateways {
  /**
   * 0 to 63: what this buffer had before, else the lowest that nobody has, else that of the gateway which
   * was not seen for the longest time, an hour at least. Throws CONFIG_INVALID when all 64 are in use. Tells that this
   * gateway is there; to be called anew before the hour is over.
   */
  claim(bufferId: string, nowUnixMs: number): Promise<number>;
}

interface Known {
  number: number;
  buffer_id: string;
  seen_time_unix_ms: number;
}

type Database = Kysely<ControlSchema>;

/** Fact of the installation that says nothing: held, it is the lock of those who claim a number. */
const LOCK = 'gateway_numbers';

export function createGateways(db: Database): Gateways {
  const inTransaction = <Result>(work: (transaction: Database) => Promise<Result>) =>
    db.isTransaction ? work(db) : db.transaction().execute(work);
  return {
    claim: (bufferId, nowUnixMs) =>
      inTransaction(async (transaction) => {
        await createInstallation(transaction).hold(LOCK, '');
        return claim(transaction, bufferId, nowUnixMs);
      }),
  };
}

async function claim(db: Database, bufferId: string, nowUnixMs: number): Promise<number> {
  const known = await readAll(db);
  const own = known.find(({ buffer_id }) => buffer_id === bufferId);
  const number = own?.number ?? lowestFree(known) ?? forgotten(known, nowUnixMs);
  const row = { number, buffer_id: bufferId, seen_time_unix_ms: nowUnixMs };
  const insert = db.insertInto('gateways').values(row);
  await insert.onConflict((conflict) => conflict.column('number').doUpdateSet(row)).execute();
  return number;
}

function readAll(db: Database): Promise<Known[]> {
  return db.selectFrom('gateways').selectAll().orderBy('number').execute();
}

function lowestFree(known: readonly Known[]): number | undefined {
  const taken = new Set(known.map(({ number }) => number));
  for (let number = 0; number < MAX_GATEWAYS; number++) if (!taken.has(number)) return number;
  return undefined;
}

function forgotten(known: readonly Known[], nowUnixMs: number): number {
  const oldest = known.reduce((a, b) => (b.seen_time_unix_ms < a.seen_time_unix_ms ? b : a));
  if (oldest.seen_time_unix_ms <= nowUnixMs - GATEWAY_FORGOTTEN_AFTER_MS) return oldest.number;
  throw new GatewayError(
    'CONFIG_INVALID',
    `${MAX_GATEWAYS} gateways share this database, which is as many as can tell their ids apart. One that is no more makes ` +
      'room an hour after it was seen last.',
  );
}
