import { afterAll, describe } from 'vitest';
import { startPostgres } from '../helpers/postgres.js';
import { openSetting } from '../store/postgres/setting.js';
import { recordingsContract } from './recordings-contract.js';

const server = await startPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('on Postgres', () => {
  recordingsContract('Postgres', async () => {
    const { store, writer, close } = await openSetting(server!);
    return { store, writer, dispose: close };
  });
});
