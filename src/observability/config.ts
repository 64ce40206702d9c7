import { z } from 'zod';
import { oneOf, type SettingMeta } from '../setting.js';

export const loggingSettings = z.object({
  level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .prefault('info')
    .meta({
      env: 'LOG_LEVEL',
      description: 'The least severity that is logged: trace, debug, info, warn, error, fatal or silent',
    } satisfies SettingMeta),
  format: oneOf(['auto', 'json', 'pretty'])
    .prefault('auto')
    .meta({
      env: 'LOG_FORMAT',
      description: 'json, pretty, or auto: pretty on a terminal and JSON everywhere else',
    } satisfies SettingMeta),
});

export type LoggingConfig = z.infer<typeof loggingSettings>;
