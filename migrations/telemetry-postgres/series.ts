import type { MigrationSeries } from '../../src/store/migrator.js';
import * as foundation from './0001-foundation.js';
import * as native from './0002-native.js';
import * as generations from './0003-generations.js';
import * as contents from './0004-contents.js';
import * as furtherSightings from './0005-further-sightings.js';
import * as billed from './0006-billed.js';
import * as rollupChanges from './0007-rollup-changes.js';
import * as runsOfLogs from './0008-runs-of-logs.js';
import * as failedGenerations from './0009-failed-generations.js';

export const telemetryPostgresMigrations: MigrationSeries = {
  name: 'telemetry',
  migrations: [
    foundation,
    native,
    generations,
    contents,
    furtherSightings,
    billed,
    rollupChanges,
    runsOfLogs,
    failedGenerations,
  ],
};
