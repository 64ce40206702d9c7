import { z } from 'zod';
import { bytes, integer, milliseconds, oneOf, type SettingMeta, text } from '../setting.js';

export const registrySettings = z.object({
  driver: oneOf(['filesystem'])
    .prefault('filesystem')
    .meta({ env: 'DRIVER', description: 'Where the content of prompts is kept: filesystem' } satisfies SettingMeta),
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
  cacheBytes: bytes()
    .prefault('64MiB')
    .meta({
      env: 'PROMPT_CACHE_BYTES',
      description: 'Content of prompts that is kept in memory',
    } satisfies SettingMeta),
});

export type RegistryConfig = Readonly<z.infer<typeof registrySettings>>;
