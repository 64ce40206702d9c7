import { z } from 'zod';
import { milliseconds, oneOf, type SettingMeta } from '../setting.js';

const MODES = ['auto', 'required', 'off'] as const;
const DEFAULT_DEBOUNCE_MS = 60_000;

export const accessSettings = z.object({
  apiKeySalt: z
    .string()
    .min(16, 'expected at least 16 characters')
    .optional()
    .meta({
      env: 'API_KEY_SALT',
      description: 'Keys are stored as their HMAC with it; made at the first start and kept in DATA_DIR when not set',
      secret: true,
    } satisfies SettingMeta),
  apiAuth: oneOf(MODES)
    .prefault('required')
    .meta({
      env: 'API_AUTH',
      description: 'Who needs a key on the API: auto (all but loopback peers), required (all), off (nobody)',
    } satisfies SettingMeta),
  otlpAuth: oneOf(MODES)
    .prefault('auto')
    .meta({
      env: 'OTLP_AUTH',
      description: 'Who needs a key to send OTLP: auto (all but loopback peers), required (all), off (nobody)',
    } satisfies SettingMeta),
  auditTelemetry: oneOf(['all', 'changes'])
    .prefault('all')
    .meta({
      env: 'AUDIT_TELEMETRY',
      description:
        'What of native telemetry the audit log has rows for: all, or changes (updates and deletions, not what is added)',
    } satisfies SettingMeta),
  lastUsedDebounceMs: milliseconds(0, 86_400_000)
    .transform((value) => value || DEFAULT_DEBOUNCE_MS)
    .prefault(String(DEFAULT_DEBOUNCE_MS))
    .meta({
      env: 'API_KEY_LAST_USED_DEBOUNCE_MS',
      description: 'The last use of a key is written at most this often; 0 means 60000',
    } satisfies SettingMeta),
});

export type AccessConfig = Readonly<z.infer<typeof accessSettings>>;
