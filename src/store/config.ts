import path from 'node:path';
import { z } from 'zod';
import { integer, milliseconds, type SettingMeta, text } from '../setting.js';

function postgresUrl() {
  return z.string().refine((value) => {
    // URL.parse came with Node 22.1.
    const protocol = URL.canParse(value) ? new URL(value).protocol : undefined;
    return protocol === 'postgres:' || protocol === 'postgresql:';
  }, 'expected postgres://user:password@host:5432/database');
}

export const storeSettings = z.object({
  dataDir: text()
    .prefault('./data')
    .meta({ env: 'DATA_DIR', description: 'Folder of everything the gateway keeps on disk' } satisfies SettingMeta),
  sqlitePath: text()
    .optional()
    .meta({
      env: 'SQLITE_PATH',
      description: 'SQLite file of the control data; DATA_DIR/promptmetrics.db when not set',
    } satisfies SettingMeta),
  databaseUrl: postgresUrl()
    .optional()
    .meta({
      env: 'DATABASE_URL',
      description: 'Postgres (15 to 18) for control data and telemetry, in place of SQLite',
      secret: true,
    } satisfies SettingMeta),
  databasePoolSize: integer(1, 1000)
    .prefault('10')
    .meta({
      env: 'DATABASE_POOL_SIZE',
      description: 'Postgres connections for reading telemetry, and as many for control data; each worker has one more',
    } satisfies SettingMeta),
  queryTimeoutMs: milliseconds(100, 3_600_000)
    .prefault('30000')
    .meta({
      env: 'QUERY_TIMEOUT_MS',
      description: 'A database query that takes longer is cancelled',
    } satisfies SettingMeta),
});

export type StoreConfig = z.infer<typeof storeSettings>;

/** Where the control data lives when there is no DATABASE_URL. */
export function controlFile({ sqlitePath, dataDir }: Pick<StoreConfig, 'sqlitePath' | 'dataDir'>): string {
  return path.resolve(sqlitePath ?? path.join(dataDir, 'promptmetrics.db'));
}
