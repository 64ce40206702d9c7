import { afterAll, describe } from 'vitest';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { telemetryContract } from './contract.js';
import { makePostgresStore } from './postgres-database.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('on Postgres', () => {
  telemetryContract('Postgres', (options) => makePostgresStore(server!, options));
});
