import { afterAll, describe } from 'vitest';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { openSetting } from '../store/postgres/setting.js';
import { recordingsContract } from './recordings-contract.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('on Postgres', () => {
  recordingsContract('Postgres', async () => {
    const { store, writer, close } = await openSetting(server!);
    return { store, writer, dispose: close };
  });
});
