import { z } from 'zod';
import { list, port, type SettingMeta, text } from '../setting.js';

export const apiSettings = z.object({
  port: port()
    .prefault('3000')
    .meta({ env: 'PORT', description: 'TCP port of the REST API (0 picks a free one)' } satisfies SettingMeta),
  host: text()
    .prefault('127.0.0.1')
    .meta({ env: 'HOST', description: 'Address that every port binds; 0.0.0.0 for all' } satisfies SettingMeta),
  corsOrigins: list()
    .prefault('')
    .meta({
      env: 'API_CORS_ORIGINS',
      description: 'Origins whose pages may call the API, comma-separated; * for any, empty for none',
    } satisfies SettingMeta),
});

export type ApiConfig = z.infer<typeof apiSettings>;
