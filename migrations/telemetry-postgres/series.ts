import type { MigrationSeries } from '../../src/store/migrator.js';
import * as foundation from './0001-foundation.js';

export const telemetryPostgresMigrations: MigrationSeries = { name: 'telemetry', migrations: [foundation] };
