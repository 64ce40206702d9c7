import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { ControlSchema } from './schema.js';

/** Facts about this installation, by key. */
export interface Installation {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  /**
   * In a transaction: its value, which is the given one when it had none. Whoever else holds it waits for the end of the
   * transaction: that makes it a lock between gateways.
   */
  hold(key: string, value: string): Promise<string>;
  /** Made by the first call, of whichever gateway; the same ever after. */
  id(): Promise<string>;
}

const INSTANCE_ID = 'instance_id';

export function createInstallation(db: Kysely<ControlSchema>): Installation {
  const get = async (key: string) => {
    const row = await db.selectFrom('installation').select('value').where('key', '=', key).executeTakeFirst();
    return row?.value;
  };
  return {
    get,
    async set(key, value) {
      const insert = db.insertInto('installation').values({ key, value });
      await insert.onConflict((conflict) => conflict.column('key').doUpdateSet({ value })).execute();
    },
    async hold(key, value) {
      const insert = db.insertInto('installation').values({ key, value });
      const unchanged = sql<string>`installation.value`;
      const held = insert.onConflict((conflict) => conflict.column('key').doUpdateSet({ value: unchanged }));
      return (await held.returning('value').executeTakeFirstOrThrow()).value;
    },
    async id() {
      const known = await get(INSTANCE_ID);
      if (known !== undefined) return known;
      const insert = db.insertInto('installation').values({ key: INSTANCE_ID, value: randomUUID() });
      await insert.onConflict((conflict) => conflict.column('key').doNothing()).execute();
      return (await get(INSTANCE_ID))!;
    },
  };
}
