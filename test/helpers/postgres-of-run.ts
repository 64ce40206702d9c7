/**
 * One Postgres server for each worker of a run: making its folder costs a second, and fifty files need one. Workers don't
 * share it, since a database can't be dropped while somebody else on that server is in the middle of a COPY.
 */
import type { TestProject } from 'vitest/node';
import { type PostgresServer, startPostgres } from './postgres.js';

let servers: PostgresServer[] = [];

export async function setup(project: TestProject): Promise<void> {
  const starting = Array.from({ length: Number(project.config.maxWorkers) }, () => startPostgres());
  servers = (await Promise.all(starting)).filter((server) => server !== undefined);
  project.provide(
    'postgres',
    servers.map((server) => server.urlOf('$')),
  );
}

export async function teardown(): Promise<void> {
  await Promise.all(servers.map((server) => server.remove()));
}
