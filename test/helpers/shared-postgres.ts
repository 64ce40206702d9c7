/** The Postgres server of the worker, which `postgres-of-run.ts` starts. What a file makes there, it removes at its end. */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { databasesOf, type PostgresDatabases } from './postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** One for each worker. `$` stands for the name of a database. Empty when no server can run here. */
    postgres: readonly string[];
  }
}

/** undefined when no server can run here; with CI=true the run has failed by then. */
export function sharedPostgres(): PostgresDatabases | undefined {
  const url = inject('postgres')[Number(process.env.VITEST_POOL_ID) - 1];
  const prefix = `test_${randomUUID().replaceAll('-', '')}`;
  return url === undefined ? undefined : databasesOf((database) => url.replace('$', () => database), prefix);
}
