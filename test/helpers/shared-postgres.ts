/** The Postgres server of the run, which `postgres-of-run.ts` starts. What a file makes there, it removes at its end. */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { databasesOf, type PostgresDatabases } from './postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `$` stands for the name of a database; undefined when no server can run here. */
    postgres: string | undefined;
  }
}

/** undefined when no server can run here; with CI=true the run has failed by then. */
export function sharedPostgres(): PostgresDatabases | undefined {
  const url = inject('postgres');
  const prefix = `test_${randomUUID().replaceAll('-', '')}`;
  return url === undefined ? undefined : databasesOf((database) => url.replace('$', () => database), prefix);
}
