/** Stores over a database of their own, for the tests that look at the tables themselves. */
import { createPostgresTelemetry } from '../../../src/store/telemetry/postgres/store.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../../../src/store/telemetry/writer.js';
import type { PostgresDatabases } from '../../helpers/postgres.js';
import { telemetrySchema } from '../../helpers/schemas.js';
import type { MakeStoreOptions, StoreUnderTest } from './store-under-test.js';

export interface PostgresStoreUnderTest extends StoreUnderTest {
  readonly connectionString: string;
}

export async function makePostgresStore(
  { createDatabase }: PostgresDatabases,
  { pageBudgetMs }: MakeStoreOptions = {},
): Promise<PostgresStoreUnderTest> {
  const connectionString = await createDatabase(telemetrySchema);
  const budget = pageBudgetMs === undefined ? {} : { pageBudgetMs };
  const options = { connectionString, poolSize: 4, queryTimeoutMs: 30_000, ...budget };
  const writers = new Map<number, Promise<TelemetryWriter>>();
  const open = async () => {
    const store = createPostgresTelemetry(options);
    await store.start();
    return store;
  };
  let store = await open();
  const close = async () => {
    for (const writer of writers.values()) await (await writer).close();
    writers.clear();
    await store.shutdown({ deadlineMs: 5_000 });
  };
  return {
    connectionString,
    get store() {
      return store;
    },
    writer(number = 0) {
      const writer = writers.get(number) ?? openTelemetryWriter(store.writerOptions(number));
      writers.set(number, writer);
      return writer;
    },
    async reopen() {
      await close();
      store = await open();
    },
    dispose: close,
  };
}
