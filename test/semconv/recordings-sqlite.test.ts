import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../workers/pool.js';
import { makeSqliteStore } from '../store/telemetry/sqlite-files.js';
import { recordingsContract } from './recordings-contract.js';

const pool = createPool({ entry: 'sqlite-reader', threads: 1, maxQueue: 100, closeOperation: 'close' });
beforeAll(() => pool.start());
afterAll(() => pool.shutdown({ deadlineMs: 5000 }));

recordingsContract('SQLite', () => makeSqliteStore(pool, {}));
