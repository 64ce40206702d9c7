/** One Postgres server for a whole run: making its folder costs a second, and fifty files need one. */
import type { TestProject } from 'vitest/node';
import { type PostgresServer, startPostgres } from './postgres.js';

let server: PostgresServer | undefined;

export async function setup(project: TestProject): Promise<void> {
  server = await startPostgres();
  project.provide('postgres', server?.urlOf('$'));
}

export async function teardown(): Promise<void> {
  await server?.remove();
}
