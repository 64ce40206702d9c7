import { z } from 'zod';
import { bytes, integer, milliseconds, oneOf, type SettingMeta, text } from '../../src/setting.js';
import { MAX_TIME_MS } from '../config.js';

const DAY_MS = 86_400_000;

export const fileSettings = z.object({
  path: text()
    .optional()
    .meta({
      env: 'FILE_EXPORTER_PATH',
      description:
        'Writes everything to this file, a line of OTLP/JSON for each request; {signal} stands for traces, logs or metrics',
    } satisfies SettingMeta),
  maxBytes: bytes()
    .prefault('100MiB')
    .meta({
      env: 'FILE_EXPORTER_MAX_BYTES',
      description: 'A file that would become larger is put aside, its time in its name, and another begun',
    } satisfies SettingMeta),
  maxAgeMs: milliseconds(0, MAX_TIME_MS)
    .prefault(String(DAY_MS))
    .meta({
      env: 'FILE_EXPORTER_MAX_AGE_MS',
      description: 'The same for a file that is older when the next line comes; 0 = never',
    } satisfies SettingMeta),
  maxFiles: integer(1, 100_000)
    .prefault('10')
    .meta({
      env: 'FILE_EXPORTER_MAX_FILES',
      description: 'Files that are kept, the one that is written included; beyond that the oldest is deleted',
    } satisfies SettingMeta),
  sync: oneOf(['always', 'interval', 'off'])
    .prefault('always')
    .meta({
      env: 'FILE_EXPORTER_SYNC',
      description:
        'When a line counts as exported: always = synced to disk, interval = written, synced every FILE_EXPORTER_SYNC_INTERVAL_MS, off = written',
    } satisfies SettingMeta),
  syncIntervalMs: milliseconds(1, 60_000)
    .prefault('1000')
    .meta({
      env: 'FILE_EXPORTER_SYNC_INTERVAL_MS',
      description: 'Time between two syncs with FILE_EXPORTER_SYNC=interval',
    } satisfies SettingMeta),
});

export type FileConfig = Readonly<z.output<typeof fileSettings>>;
