import { telemetryContract } from './contract.js';
import { makeSqliteStore, readerThreads } from './sqlite-files.js';

const pool = readerThreads(2);

telemetryContract('SQLite', (options) => makeSqliteStore(pool, options));
