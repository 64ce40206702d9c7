import { z } from 'zod';
import { bytes, integer, milliseconds, oneOf, type SettingMeta, text } from '../setting.js';
import { githubSettings } from './github/config.js';
import { s3Settings } from './s3/config.js';

export const registrySettings = z.object({
  driver: oneOf(['filesystem', 'github', 's3', 'postgres', 'database'])
    .prefault('filesystem')
    .meta({
      env: 'DRIVER',
      description:
        'Where the content of prompts is kept: filesystem (Git), github, s3, postgres (in DATABASE_URL) or database (that, or the SQLite file)',
    } satisfies SettingMeta),
  directory: text()
    .optional()
    .meta({
      env: 'PROMPTS_DIR',
      description: 'The Git repository of the filesystem driver; prompts in DATA_DIR when not set',
    } satisfies SettingMeta),
  reconcileIntervalMs: milliseconds(100, 86_400_000)
    .prefault('60000')
    .meta({
      env: 'PROMPT_RECONCILE_INTERVAL_MS',
      description:
        'How often the index of prompts is compared with what the driver has, and commits by hand are adopted',
    } satisfies SettingMeta),
  cachePrompts: integer(1, 1_000_000)
    .prefault('10000')
    .meta({
      env: 'PROMPT_CACHE_PROMPTS',
      description: 'Prompts whose labels and versions are kept in memory',
    } satisfies SettingMeta),
  maxWatchers: integer(0, 1_000_000)
    .prefault('2000')
    .meta({
      env: 'PROMPT_MAX_WATCHERS',
      description:
        'Clients that may wait for changes of prompts at once, as streams of events or by ?wait=; more get 503',
    } satisfies SettingMeta),
  heartbeatMs: milliseconds(100, 3_600_000)
    .prefault('15000')
    .meta({
      env: 'PROMPT_EVENTS_HEARTBEAT_MS',
      description: 'How often a stream of events says that it is alive when there is nothing to tell',
    } satisfies SettingMeta),
  maxStreamMs: milliseconds(100, 86_400_000)
    .prefault('600000')
    .meta({
      env: 'PROMPT_EVENTS_MAX_MS',
      description:
        'How long a stream of events lasts; clients open another, and show their key again: one that was revoked hears nothing after that',
    } satisfies SettingMeta),
  cacheBytes: bytes()
    .prefault('64MiB')
    .meta({
      env: 'PROMPT_CACHE_BYTES',
      description: 'Content of prompts that is kept in memory',
    } satisfies SettingMeta),
  ...githubSettings.shape,
  ...s3Settings.shape,
});

export type RegistryConfig = Readonly<z.infer<typeof registrySettings>>;
