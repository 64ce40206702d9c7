import { makeSqliteStore, readerThreads } from '../store/telemetry/sqlite-files.js';
import { recordingsContract } from './recordings-contract.js';

const pool = readerThreads();

recordingsContract('SQLite', () => makeSqliteStore(pool));
