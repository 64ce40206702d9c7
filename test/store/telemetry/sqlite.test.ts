import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../../workers/pool.js';
import { telemetryContract } from './contract.js';
import { nativeTelemetryContract } from './contract-native.js';
import { generationContract } from './generations-contract.js';
import { makeSqliteStore } from './sqlite-files.js';

const pool = createPool({ entry: 'sqlite-reader', threads: 2, maxQueue: 100, closeOperation: 'close' });
beforeAll(() => pool.start());
afterAll(() => pool.shutdown({ deadlineMs: 5000 }));

telemetryContract('SQLite', (options) => makeSqliteStore(pool, options));
nativeTelemetryContract('SQLite', (options) => makeSqliteStore(pool, options));
generationContract('SQLite', (options) => makeSqliteStore(pool, options));
